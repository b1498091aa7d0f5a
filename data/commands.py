"""``faceauth data``: makes or fetches faces, and shows them."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data.synthetic import Progress


def data(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of ``faceauth data``."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    synthetic = commands.add_parser(
        "synthetic", help="draw faces of people who do not exist (no download)"
    )
    synthetic.add_argument("--out", default="data/synthetic", help="folder to make (%(default)s)")
    synthetic.add_argument("--identities", type=int, default=300, help="people (%(default)s)")
    synthetic.add_argument("--images", type=int, default=10, help="of each person (%(default)s)")
    synthetic.add_argument("--size", type=int, default=112, help="side in pixels (%(default)s)")
    synthetic.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    synthetic.add_argument("--workers", type=int, help="processes (one a core)")
    synthetic.add_argument(
        "--overwrite", action="store_true", help="replace a synthetic data set of other parameters"
    )
    synthetic.set_defaults(run=_run, make=_synthetic)

    lfw = commands.add_parser(
        "lfw", help="Labeled Faces in the Wild: check the folder, or fetch it with scikit-learn"
    )
    lfw.add_argument("--out", default="data/lfw", help="folder to check or make (%(default)s)")
    lfw.set_defaults(run=_run, make=_lfw)

    preview = commands.add_parser("preview", help="draw a contact sheet, a row for each identity")
    preview.add_argument("folder")
    preview.add_argument("--out", default="sheet.png", help="PNG or JPEG to write (%(default)s)")
    preview.add_argument("--rows", type=int, default=8, help="identities (%(default)s)")
    preview.add_argument("--columns", type=int, default=8, help="pictures of each (%(default)s)")
    preview.set_defaults(run=_run, make=_preview)


def _run(args: argparse.Namespace) -> int:
    print(args.make(args))
    return 0


def _synthetic(args: argparse.Namespace) -> str:
    from data import synthetic

    folder = synthetic.generate(
        args.out,
        identities=args.identities,
        images_per_identity=args.images,
        size=args.size,
        seed=args.seed,
        workers=args.workers,
        overwrite=args.overwrite,
        progress=_show("drawing people"),
    )
    return f"{args.identities} identities, {args.images} images each, are in {folder}"


def _lfw(args: argparse.Namespace) -> str:
    from data import lfw

    folder = lfw.provide(args.out, progress=_show("copying images"))
    return f"Labeled Faces in the Wild is in {folder}"


def _preview(args: argparse.Namespace) -> str:
    from data._preview import contact_sheet

    target = Path(args.out)
    if target.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"--out is {target}; its name must end in .png or .jpg")
    sheet = contact_sheet(args.folder, rows=args.rows, columns=args.columns)
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target)
    return f"{target}: {sheet.width} x {sheet.height} pixels"


def _show(what: str) -> "Progress":
    """A progress line on standard error: rewritten on a terminal, else every tenth of the way."""
    terminal = sys.stderr.isatty()

    def show(done: int, total: int) -> None:
        if terminal:
            print(f"\r{what}: {done}/{total}", end="\n" if done == total else "", file=sys.stderr)
        elif done == total or done * 10 // total > (done - 1) * 10 // total:
            print(f"{what}: {done}/{total}", file=sys.stderr)

    return show
