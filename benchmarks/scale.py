"""What larger data would cost, from what small runs cost.

    python -m benchmarks.scale --write docs/scale.md

Runs the pipeline of ``faces.yaml`` on this machine with few photos, with four times as many, and
with those and many more pairs. What each component took is then a constant, a rate a photo and a
rate a pair; all three are at least 0 (least squares with bounds, Stark & Parker 1995). What is held
in memory is measured apart (``held``), as is what tasks hand on to each other (``shuffle``). The
tables are these rates times sizes that nobody ran (``scale_model``, ``scale_tables``).
"""

import argparse
import csv
import json
import os
import sys
import tempfile
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

from benchmarks import held, shuffle
from benchmarks.faces import Source, find_source, named_pairs
from benchmarks.held import Held
from benchmarks.scale_model import Measured
from benchmarks.scale_tables import NOT_MEASURED, OWN_PAIRS, Asked, Found, Prices, tables
from benchmarks.shuffle import Shuffled
from benchmarks.whole_runs import events_of, run_pipeline, split_of
from pipeline.config import PROJECT
from pipeline.launcher.records import last_run
from scripts.clusters.cluster import ClusterError

BEGIN: Final = "<!-- made by `make scale` -->"
END: Final = "<!-- end of what `make scale` made -->"
RUNS: Final = ((1_000, 5_000), (4_000, 5_000), (4_000, 300_000))
CONFIG: Final = PROJECT / "pipeline" / "configs" / "faces.yaml"


def write_photos(source: Source, photos: int, pairs: int, folder: Path) -> dict[str, Any]:
    """Lays out so many photos of train, val and test people, and so many test pairs.

    Photos are taken again, of people with other names, where more are asked for than there are.

    Returns:
      The section ``data`` of a config.
    """
    root = folder / "photos"
    root.mkdir(parents=True)
    copies = -(-photos // len(source.images))
    for copy in range(copies):
        (root / str(copy)).symlink_to(source.root, target_is_directory=True)
    listed = [
        (f"{copy}/{path}", f"{copy}/{person}")
        for copy in range(copies)
        for path, person in source.images
    ][:photos]
    rows = [(path, person, split_of(person)) for path, person in listed]
    test = [(path, person) for path, person, where in rows if where == "test"]
    for name, header, table in (
        ("images.csv", ("image", "identity", "split"), rows),
        ("pairs.csv", ("image_a", "image_b", "match"), named_pairs(test, pairs)),
    ):
        with (folder / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(table)
    return {
        "align": "dlib_150",
        "images": str(root),
        "image_list": str(folder / "images.csv"),
        "split": "given",
        "max_quarantined": 0.2,
        "max_duplicates_between_splits": photos,
        "pairs": {"train": OWN_PAIRS, "val": OWN_PAIRS},
        "pair_lists": {"test": [str(folder / "pairs.csv")]},
    }


def run(source: Source, photos: int, pairs: int, work: Path) -> Measured:
    """Runs the pipeline on so many photos and test pairs."""
    folder = work / f"{photos}-{pairs}"
    data = write_photos(source, photos, pairs, folder)
    given = {
        "FACEAUTH__DATA": json.dumps(data),
        "FACEAUTH__EVALUATION__THRESHOLDS": '[{"metric": "auc", "min": 0.0}]',
    }
    what = f"{photos:,} photos and {pairs:,} pairs"
    return measured(run_pipeline(CONFIG, folder, given, what))


def measured(root: Path) -> Measured:
    """What the last run in a pipeline's folder cost."""
    costs: dict[str, Any] = events_of(root)[-1]["costs"]
    record = last_run(root / "metadata.sqlite")
    if record is None:
        raise RuntimeError(f"{root} has no run")
    stored = {
        execution.node: float(
            sum(
                file.stat().st_size
                for artifact in execution.outputs
                for file in Path(artifact.uri).rglob("*")
                if file.is_file()
            )
        )
        for execution in record.executions
    }
    made = costs["PairExampleGen"]["counters"]
    peaks = {name: float(cost["peak_mib"]) for name, cost in costs.items()}
    return Measured(
        photos=made["images"],
        pairs=made["pairs"],
        cpu_s={name: cost["cpu_seconds"] for name, cost in costs.items()},
        peak_mib=max(peaks.values()),
        stored=stored,
        peaks_mib=peaks,
    )


def measure(keep: Path | None, flink: bool) -> dict[str, Any]:
    """Measures all that the tables are made from.

    Args:
      keep: The file that it is kept in. Where Flink is not run, what it says of an earlier run on
        Flink stays.
      flink: Whether to run on Flink.
    """
    before = json.loads(keep.read_text(encoding="utf-8")) if keep and keep.is_file() else {}
    found: dict[str, Any] = {}
    if "shuffled" in before:
        found["shuffled"] = before["shuffled"]

    def note(name: str, on: str, measured: list[dict[str, Any]]) -> None:
        found[name] = {"on": f"{date.today()}, {on}", "measured": measured}
        if keep:
            keep.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source = find_source(work)
        ran = [asdict(run(source, *size, work)) for size in RUNS]
        note("runs", f"{source.name}, {os.cpu_count()} cores", ran)
        holding = held.measure(work / "held")
        note("held", "made-up names", [each._asdict() for each in holding])
        if flink:
            try:
                sent = shuffle.measure(source, work)
                note("shuffled", f"{source.name}, Flink", [each._asdict() for each in sent])
            except ClusterError as error:
                print(f"not measured on Flink: {error}", file=sys.stderr)
    return found


def page(found: dict[str, Any], asked: Asked) -> list[str]:
    """What is written of it.

    Args:
      found: By ``measure``.
      asked: What is to be told.
    """
    runs = [Measured(**each) for each in _of(found, "runs")]
    holding = [Held(**each) for each in _of(found, "held")]
    sent = [Shuffled(**each) for each in _of(found, "shuffled")]
    told = [
        f"{what}: {found[name]['on'] if name in found else NOT_MEASURED}"
        for name, what in (
            ("runs", "Time and artifacts"),
            ("held", "memory"),
            ("shuffled", "shuffled"),
        )
    ]
    prices = asked.prices
    return [
        f"{'; '.join(told)}. A worker of two vCPUs and 8 GB is ${prices.worker_hour:g} an hour, a "
        f"GB stored ${prices.gb_month:g} a month. {asked.own_pairs:,} train pairs, and as many val "
        "pairs.",
        "",
        *tables(runs, Found.of(runs, holding, sent), asked),
    ]


def _of(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    measured: list[dict[str, Any]] = found.get(name, {}).get("measured", [])
    return measured


def main(argv: list[str] | None = None) -> int:
    """Runs, and prints the tables or writes them into a page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 16, 256])
    parser.add_argument("--worker_hour", type=float, default=0.067, help="dollars")
    parser.add_argument("--gb_month", type=float, default=0.02, help="dollars")
    parser.add_argument("--memory_gb", type=float, default=64.0, help="of the machine that runs it")
    parser.add_argument(
        "--own_pairs", type=int, default=OWN_PAIRS, help="train pairs, and as many val pairs"
    )
    parser.add_argument("--write", type=Path, help="the page whose tables are replaced")
    parser.add_argument(
        "--measured", type=Path, help="use what was measured before, and run nothing"
    )
    parser.add_argument(
        "--no-flink", action="store_true", help="keep what was measured on Flink before"
    )
    given = parser.parse_args(argv)
    if given.measured:
        found = json.loads(given.measured.read_text(encoding="utf-8"))
    else:
        keep = given.write and given.write.with_suffix(".json")
        found = measure(keep, not given.no_flink)
    prices = Prices(given.worker_hour, given.gb_month)
    lines = page(found, Asked(given.workers, prices, given.memory_gb, given.own_pairs))
    if given.write is None:
        print("\n".join(lines))
        return 0
    before, rest = given.write.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    given.write.write_text(
        f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}", encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
