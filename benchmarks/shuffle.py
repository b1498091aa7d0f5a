"""How many bytes the Beam stages shuffle, as Flink counts them.

    python -m benchmarks.shuffle

Runs the pipeline of ``lfw.yaml``, hardly trained, on Flink with two task managers here: with few
photos, with more, and with those and more pairs. All is done as with more data than fits memory: no
table of images, pairs drawn by workers, sketches of the scores; but for the embeddings, of which a
megabyte holds those of more photos than these. A job belongs to the component that ran when it
began.

Shuffled is what a task takes in by a hash of its key, or by turns: it may come from any machine.
What a task hands to the next one in its own process is not, nor what goes between Flink and Beam's
workers on one machine, pixels included.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.faces import Source, find_source
from benchmarks.whole_runs import events_of, run_pipeline, split_of
from pipeline.config import PROJECT
from scripts.clusters.cluster import Cluster, cluster

RUNS: Final = ((1_000, 1_000), (3_700, 1_000), (3_700, 8_000))
# Train pairs of each run, and as many val pairs.
OWN_PAIRS: Final = 1_000
CONFIG: Final = PROJECT / "pipeline" / "configs" / "lfw.yaml"
# As beyond what fits memory.
LARGE: Final = {
    "FACEAUTH__SCORING__EMBEDDING_MEMORY_MB": "1",
    "FACEAUTH__EVALUATION__EXACT_PAIRS": "0",
    "FACEAUTH__EVALUATION__THRESHOLDS": '[{"metric": "auc", "min": 0.0}]',
    "FACEAUTH__TRAINING__EPOCHS": "1",
    "FACEAUTH__TRAINING__STEPS_PER_EPOCH": "5",
}


class Shuffled(NamedTuple):
    """What a run shuffled.

    Attributes:
      photos: In it.
      pairs: In it.
      bytes_by: Bytes by component.
    """

    photos: int
    pairs: int
    bytes_by: dict[str, float]


def measure(source: Source, work: Path, sizes: Sequence[tuple[int, int]] = RUNS) -> list[Shuffled]:
    """Runs of so many photos and test pairs.

    Raises:
      ClusterError: Flink cannot be had here.
    """
    with cluster("flink", work / "cluster", task_managers=2) as made:
        return [_run(made, source, photos, pairs, work) for photos, pairs in sizes]


def _run(made: Cluster, source: Source, photos: int, pairs: int, work: Path) -> Shuffled:
    folder = work / f"shuffle-{photos}-{pairs}"
    given = {
        **LARGE,
        "FACEAUTH__BEAM": json.dumps(made.section),
        "FACEAUTH__DATA": json.dumps(_data(source, photos, pairs, folder)),
    }
    what = f"{photos:,} photos and {pairs:,} pairs on Flink"
    events = events_of(run_pipeline(CONFIG, folder, given, what))
    made_of = events[-1]["costs"]["PairExampleGen"]["counters"]
    return Shuffled(made_of["images"], made_of["pairs"], _shuffled(made, events))


def _shuffled(made: Cluster, events: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Bytes by component."""
    began: dict[str, float] = {}
    spans: dict[str, tuple[float, float]] = {}
    for event in events:
        at = datetime.fromisoformat(event["time"]).timestamp() * 1000
        if event["event"] == "step_began":
            began[event["step"]] = at
        elif event["event"] == "step_ended":
            spans[event["step"]] = (began[event["step"]], at)
    found: dict[str, float] = defaultdict(float)
    for listed in made.ask("/jobs/overview")["jobs"]:
        for step, (start, end) in spans.items():
            if start <= listed["start-time"] <= end:
                found[step] += _taken_in(made.ask(f"/jobs/{listed['jid']}"))
    return dict(found)


def _taken_in(job: dict[str, Any]) -> float:
    """Bytes that tasks of a job took in from tasks that may be anywhere.

    What a task takes in both so and from the one before it, with a side input, is left out.
    """
    ways = {
        node["id"]: {each["ship_strategy"].lower() for each in node.get("inputs", [])}
        for node in job["plan"]["nodes"]
    }
    return sum(
        vertex["metrics"]["read-bytes"]
        for vertex in job["vertices"]
        if ways[vertex["id"]] and "forward" not in ways[vertex["id"]]
    )


def _data(source: Source, photos: int, pairs: int, folder: Path) -> dict[str, Any]:
    """The section ``data`` of a config: the first photos, and pairs that workers draw."""
    folder.mkdir(parents=True)
    rows = ["image,identity,split"]
    for path, person in source.images[:photos]:
        rows.append(f"{path},{person},{split_of(person)}")
    (folder / "images.csv").write_text("\n".join(rows), encoding="utf-8")
    return {
        "align": "none",
        "images": str(source.root),
        "image_list": str(folder / "images.csv"),
        "split": "given",
        "max_duplicates_between_splits": photos,
        "images_in_memory": 0,
        "pairs": {"train": OWN_PAIRS, "val": OWN_PAIRS, "test": pairs},
    }


def main(argv: list[str] | None = None) -> int:
    """Prints the bytes of each component in each run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shuffle", description=__doc__)
    parser.add_argument("--write", type=Path, help="a file for the runs, as JSON")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as work:
        runs = measure(find_source(Path(work)), Path(work))
    if options.write:
        options.write.write_text(json.dumps([run._asdict() for run in runs]), encoding="utf-8")
    heads = [f"{run.photos:,} photos, {run.pairs:,} pairs" for run in runs]
    print(f"| component | {' | '.join(heads)} |\n| --- |{' --- |' * len(runs)}")
    for name in runs[0].bytes_by:
        print(
            f"| {name} | " + " | ".join(f"{run.bytes_by.get(name, 0):,.0f}" for run in runs) + " |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
