"""``faceauth calibrate``: another decision for an exported model, on photos of one's own.

Nothing is trained. The model is copied, its threshold is the only thing that changes, and the copy
becomes the newest version beside it.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from components.decision.config import DecisionConfig
    from components.decision.decide import Made

_PROGRESS_S: Final = 5.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth calibrate``."""
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a version's folder, or the folder of versions"
    )
    parser.add_argument(
        "photos", type=Path, metavar="PHOTOS", help="such as photos, with photos/Ada/1.jpg"
    )
    parser.add_argument(
        "--pairs", type=Path, metavar="LIST", help="these pairs instead of all; CSV, or LFW's form"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--max_far", type=float, metavar="P", help="mistake at most this share of strangers"
    )
    what.add_argument(
        "--objective",
        choices=("accuracy", "eer"),
        help="another objective (without either, the one that the model was decided for)",
    )
    parser.add_argument(
        "--no-aged", action="store_true", help="look at the photos as they are, not at aged copies"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of versions (the model's own)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what it gives, write nothing")
    parser.add_argument("--json", action="store_true", help="print decision.json")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Runs the command.

    Raises:
      ValueError: Something cannot be used; the message says what and why.
    """
    from components.exported_model import DECISION_FILE, network_of, read_record
    from serving.manifest import verify_manifest
    from serving.versions import newest_version

    model = newest_version(given.model)
    verify_manifest(model)
    network, before = network_of(model), read_record(model, DECISION_FILE)
    config = decision_config(given, before)

    # Only now, so that a wrong argument is told at once.
    from components.decision.decide import OWN_PHOTOS, decide, published_of
    from components.decision.own_photos import photos_in, photos_of, reader_for, score_photos
    from components.exported_model import ExportedModel

    photos = photos_of(given.pairs, given.photos) if given.pairs else photos_in(given.photos)
    pairs, unusable = score_photos(
        ExportedModel(model), photos, config.aged, reader_for(model), say=_Progress()
    )
    for name, reason in unusable.items():
        print(f"not used: {name}: {reason}", file=sys.stderr)
    origin = {"folder": str(given.photos), "not_used": len(unusable)}
    if given.pairs:
        origin["pair_list"] = str(given.pairs)
    made = decide(
        pairs, config, network["comparer"], OWN_PHOTOS, origin, published=published_of(network)
    )
    target = None if given.dry_run else push_decision(model, made, given.out or model.parent)
    if given.json:
        print(json.dumps(made.record | {"version": str(target) if target else None}, indent=2))
    else:
        print("\n".join(outcome(made, before)))
        print(f"written: {target}" if target else "nothing written")
    return 0


def decision_config(given: argparse.Namespace, before: dict[str, Any] | None) -> "DecisionConfig":
    """What the threshold is to be chosen for.

    Args:
      given: The command line.
      before: The model's ``decision.json``, if it has one.

    Raises:
      ValueError: A value is impossible.
    """
    from components.decision.config import DecisionConfig

    if given.max_far is not None:
        asked: dict[str, Any] = {"objective": "max_far", "max_far": given.max_far}
    elif given.objective:
        asked = {"objective": given.objective}
    else:
        asked = before["objective"] if before else {}
    # A person is at hand who reads what can be shown; a run that stopped would say no more.
    asked = {**asked, "when_unreachable": "strictest"}
    return DecisionConfig(**asked, **({"aged": ()} if given.no_aged else {}))


def push_decision(model: Path, made: "Made", base: Path) -> Path:
    """Makes the model with this decision the newest version, whole or not at all."""
    from components.decision.saved_model import write_decision
    from components.pusher.versions import push

    with tempfile.TemporaryDirectory() as folder:
        decided = Path(folder, "model")
        write_decision(model, decided, made.threshold, made.slope, made.record)
        return push(decided, base, int(time.time()))


def outcome(made: "Made", before: dict[str, Any] | None) -> list[str]:
    """What came out, for people."""
    record = made.record
    origin, interval = record["calibrated_on"], record["threshold_interval_95"]
    line = f"threshold {made.threshold:.4g}"
    if interval:
        line += f" (95 %: {interval[0]:.4g} to {interval[1]:.4g})"
    if before:
        line += f", before {before['threshold']:.4g}"
    counts = f"{origin['people']:,} people, {origin['images']:,} photos, {origin['pairs']:,} pairs"
    kinds = f"{origin['same']:,} of one person, and of {origin['couples']:,} couples of two"
    lines = [line, f"  on {counts}: {kinds}"]
    for name, rate in record["rates_95"].items():
        if rate:
            value, low, high = (f"{100 * each:.3g} %" for each in rate)
            lines.append(f"  {name.upper()} on them {value} (95 %: {low} to {high})")
    if (asked := record["objective"].get("max_far")) is not None:
        granted = record["granted_fmr"]
        shown = "not shown" if granted is None else f"{100 * granted:.3g} %"
        lines.append(f"  FMR asked for {100 * asked:.3g} %, shown {shown}")
    lines += [
        f"  {'taken from' if name == record['strictest'] else 'there'} {name}: "
        f"FMR {100 * found['fmr']:.3g} %, FNMR {100 * found['fnmr']:.3g} %"
        for name, found in record["on"].items()
        if found["fmr"] is not None and found["fnmr"] is not None
    ]
    return lines + [f"  note: {warning}" for warning in record["warnings"]]


class _Progress:
    """Tells how far it is, now and then."""

    def __init__(self) -> None:
        self._seen = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if done == total or time.monotonic() - self._seen > _PROGRESS_S:
            self._seen = time.monotonic()
            print(f"{done:,} of {total:,} photos", file=sys.stderr)
