"""What larger data would cost, from what three small runs cost.

    python -m benchmarks.scale --write docs/scale.md

Runs the pipeline of ``faces.yaml`` on this machine with few photos, with four times as many, and
with those and many more pairs. What each component took is then a constant, a rate a photo and a
rate a pair; all three are at least 0 (least squares with bounds, Stark & Parker 1995). The tables
are these rates times sizes that nobody ran.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.faces import Source, find_source, named_pairs
from components.pair_example_gen.splitting import hash_fraction
from pipeline.config import PROJECT, load_config
from pipeline.launcher.events import SUFFIX
from pipeline.launcher.records import last_run

BEGIN: Final = "<!-- made by `make scale` -->"
END: Final = "<!-- end of what `make scale` made -->"
RUNS: Final = ((1_000, 5_000), (4_000, 5_000), (4_000, 300_000))
SIZES: Final = ((100_000, 1_000_000), (3_000_000, 100_000_000), (100_000_000, 3_000_000_000))
# Its cost a photo or a pair is spread over workers; all else is done in one place.
SPREAD: Final = {
    "PairExampleGen": ("photo",),
    "StatisticsGen-images": ("photo", "pair"),
    "StatisticsGen-pairs": ("photo", "pair"),
    "Transform": ("photo", "pair"),
    # Its pairs are the val pairs, which its driver compares.
    "ValScorer": ("photo",),
    "PairScorer": ("photo", "pair"),
    "Evaluator": ("photo", "pair"),
}
UNITS: Final = ("photo", "pair")
CONFIG: Final = PROJECT / "pipeline" / "configs" / "faces.yaml"


class Rates(NamedTuple):
    """What something takes: at least, and more for each photo and each pair."""

    constant: float
    photo: float
    pair: float

    def of(self, photos: int, pairs: int) -> float:
        """What it takes for so many."""
        return self.constant + self.photo * photos + self.pair * pairs


@dataclass(frozen=True)
class Measured:
    """A run.

    Attributes:
      photos: In it.
      pairs: In it.
      cpu_s: CPU seconds by component.
      peak_mib: Memory.
      stored: Bytes of artifacts by component.
    """

    photos: int
    pairs: int
    cpu_s: dict[str, float]
    peak_mib: float
    stored: dict[str, float]


class Prices(NamedTuple):
    """In dollars: an hour of a worker of two vCPUs and 8 GB, a GB stored for a month."""

    worker_hour: float
    gb_month: float


def fit(runs: Sequence[Measured], taken: Sequence[float]) -> Rates:
    """The rates by which runs took what they took.

    Args:
      runs: At least three, of different sizes.
      taken: By each.
    """
    from scipy.optimize import lsq_linear

    # Columns and values of like size.
    sizes = np.array([[1.0, run.photos / 1e3, run.pairs / 1e3] for run in runs])
    most = max(*taken, 1e-9)
    found = lsq_linear(sizes, np.asarray(taken, float) / most, (0, np.inf), method="bvls")
    constant, photo, pair = found.x * most
    return Rates(float(constant), float(photo) / 1e3, float(pair) / 1e3)


def hours(
    rates: Mapping[str, Rates], photos: int, pairs: int, workers: int, cores: int = 2
) -> dict[str, float]:
    """Hours of each component: what is spread, on all workers; the rest on one core.

    Args:
      rates: CPU seconds by component.
      photos: How many.
      pairs: How many.
      workers: How many.
      cores: Of each.
    """
    found = {}
    for name, rate in rates.items():
        spread = Rates(0.0, *(getattr(rate, of) * (of in SPREAD.get(name, ())) for of in UNITS))
        parallel = spread.of(photos, pairs)
        found[name] = (rate.of(photos, pairs) - parallel + parallel / (workers * cores)) / 3600
    return found


def tables(
    runs: Sequence[Measured], workers: Sequence[int], prices: Prices, memory_gb: float
) -> list[str]:
    """The tables as Markdown.

    Args:
      runs: Measured.
      workers: Numbers of workers.
      prices: For the money.
      memory_gb: Of the machine that runs it.
    """
    names = [name for name in runs[0].cpu_s if all(name in run.cpu_s for run in runs)]
    cpu = {name: fit(runs, [run.cpu_s[name] for run in runs]) for name in names}
    memory = fit(runs, [run.peak_mib for run in runs])
    stored = {name: fit(runs, [run.stored.get(name, 0.0) for run in runs]) for name in names}
    lines = [
        "Measured:",
        "",
        "| photos | pairs | CPU seconds | peak memory | artifacts |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {run.photos:,} | {run.pairs:,} | {sum(run.cpu_s.values()):,.0f} | "
        f"{run.peak_mib:,.0f} MiB | {sum(run.stored.values()) / 1e6:,.0f} MB |"
        for run in runs
    ]
    lines += [
        "",
        f"Memory: {memory.constant:,.0f} MiB, {memory.photo * 1024:.1f} KiB a photo and "
        f"{memory.pair * 2**20:,.0f} bytes a pair. All else:",
        "",
        "| component | CPU ms a photo | CPU µs a pair | stored bytes a photo | a pair |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in names:
        cells = (
            f"{cpu[name].photo * 1e3:.2f}",
            f"{cpu[name].pair * 1e6:.1f}",
            f"{stored[name].photo:,.0f}",
            f"{stored[name].pair:,.0f}",
        )
        if any(float(cell.replace(",", "")) for cell in cells):
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for photos, pairs in SIZES:
        lines += ["", f"### {pairs:,} pairs over {photos:,} photos", ""]
        lines += _table(names, (cpu, stored), memory, photos, pairs, workers, prices, memory_gb)
    return lines


def _table(
    names: Sequence[str],
    rates: tuple[dict[str, Rates], dict[str, Rates]],
    memory: Rates,
    photos: int,
    pairs: int,
    workers: Sequence[int],
    prices: Prices,
    memory_gb: float,
) -> list[str]:
    cpu, stored = rates
    times = [hours(cpu, photos, pairs, count) for count in workers]
    held = memory.of(photos, pairs) / 1024
    kept = {name: stored[name].of(photos, pairs) / 1e9 for name in names}
    heads = " | ".join(f"{count:,} worker{'s' * (count > 1)}" for count in workers)
    lines = [
        f"| component | {heads} | artifacts, GB |",
        "| --- |" + " --- |" * (len(workers) + 1),
    ]
    for name in names:
        if max(each[name] for each in times) * 3600 < 1 and kept[name] < 1e-3:
            continue
        shown = " | ".join(_time(each[name]) for each in times)
        lines.append(f"| {name} | {shown} | {kept[name]:,.2f} |")
    totals = [sum(each.values()) for each in times]
    lines.append(f"| in all | {' | '.join(map(_time, totals))} | {sum(kept.values()):,.2f} |")
    money = " | ".join(
        f"${total * count * prices.worker_hour:,.2f}"
        for total, count in zip(totals, workers, strict=True)
    )
    lines.append(f"| dollars | {money} | ${sum(kept.values()) * prices.gb_month:,.2f} a month |")
    lines += ["", f"Memory of the machine that runs it: {held:,.1f} GiB."]
    if held > memory_gb:
        lines[-1] += f" **Not as it is**: that is more than {memory_gb:g}."
    return lines


def _time(hours: float) -> str:
    if hours >= 48:
        return f"{hours / 24:,.0f} days"
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{hours * 60:.1f} min" if hours * 60 >= 1 else f"{hours * 3600:.1f} s"


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

    def split(person: str) -> str:
        fraction = hash_fraction(0, person)
        return "train" if fraction < 0.4 else "val" if fraction < 0.7 else "test"

    rows = [(path, person, split(person)) for path, person in listed]
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
        "pairs": {"train": 2_000, "val": 2_000},
        "pair_lists": {"test": [str(folder / "pairs.csv")]},
    }


def run(source: Source, photos: int, pairs: int, work: Path) -> Measured:
    """Runs the pipeline on so many photos and test pairs."""
    folder = work / f"{photos}-{pairs}"
    data = write_photos(source, photos, pairs, folder)
    given = {
        "FACEAUTH__DATA": json.dumps(data),
        "FACEAUTH__RUNS_DIR": str(folder / "runs"),
        "FACEAUTH__SERVING__BASE_DIR": str(folder / "models"),
        "FACEAUTH__EVALUATION__THRESHOLDS": '[{"metric": "auc", "min": 0.0}]',
    }
    clean = {name: text for name, text in os.environ.items() if not name.startswith("FACEAUTH")}
    command = [sys.executable, "-m", "pipeline.faceauth", "run", "--config", str(CONFIG)]
    print(f"running {photos:,} photos and {pairs:,} pairs ...", file=sys.stderr)
    done = subprocess.run(
        command, cwd=PROJECT, env={**clean, **given}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the run of {photos} photos failed:\n{done.stdout[-3000:]}")
    config = load_config(CONFIG, given)
    return measured(config.root)


def measured(root: Path) -> Measured:
    """What the last run in a pipeline's folder cost."""
    log = max((root / "logs").glob(f"*{SUFFIX}"))
    ended = [json.loads(line) for line in log.read_text().splitlines()][-1]
    costs: dict[str, Any] = ended["costs"]
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
    return Measured(
        photos=made["images"],
        pairs=made["pairs"],
        cpu_s={name: cost["cpu_seconds"] for name, cost in costs.items()},
        peak_mib=max(float(cost["peak_mib"]) for cost in costs.values()),
        stored=stored,
    )


def main(argv: list[str] | None = None) -> int:
    """Runs, and prints the tables or writes them into a page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 16, 256])
    parser.add_argument("--worker_hour", type=float, default=0.067, help="dollars")
    parser.add_argument("--gb_month", type=float, default=0.02, help="dollars")
    parser.add_argument("--memory_gb", type=float, default=64.0, help="of the machine that runs it")
    parser.add_argument("--write", type=Path, help="the page whose tables are replaced")
    parser.add_argument(
        "--measured", type=Path, help="use what was measured before, and run nothing"
    )
    given = parser.parse_args(argv)
    if given.measured:
        found = json.loads(given.measured.read_text(encoding="utf-8"))
    else:
        with tempfile.TemporaryDirectory() as work:
            source = find_source(Path(work))
            ran = [run(source, *size, Path(work)) for size in RUNS]
        found = {
            "on": f"{date.today()}, {source.name}, {os.cpu_count()} cores",
            "runs": [asdict(each) for each in ran],
        }
        if given.write:
            kept = given.write.with_suffix(".json")
            kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    runs = [Measured(**each) for each in found["runs"]]
    prices = Prices(given.worker_hour, given.gb_month)
    lines = [
        f"{found['on']}; a worker of two vCPUs and 8 GB at "
        f"${given.worker_hour:g} an hour, a GB stored at ${given.gb_month:g} a month.",
        "",
        *tables(runs, given.workers, prices, given.memory_gb),
    ]
    if given.write is None:
        print("\n".join(lines))
        return 0
    page = given.write.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    given.write.write_text(
        f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}", encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
