"""What components cost, from what the processes of a run used at each look."""

import json
from pathlib import Path

from pipeline.launcher.costs import Cost, Meter, cost_lines, counted, data_counters
from pipeline.launcher.events import Events, cost_facts, kept_costs
from pipeline.launcher.records import Artifact, Execution, RunRecord


def meter(*used: tuple[float, float]) -> Meter:
    looks = iter(used)
    return Meter(lambda: next(looks))


def test_cpu_goes_to_what_ran_and_memory_is_the_most() -> None:
    found = meter((10, 100), (12, 300), (13, 200), (17, 150))
    found.look([])  # What was used before a component ran is nobody's.
    found.look(["Gen"])
    found.look(["Gen"])
    found.look(["Train"])
    assert found.costs == {"Gen": Cost(3.0, 300), "Train": Cost(4.0, 150)}


def test_components_that_run_at_once_share() -> None:
    found = meter((0, 0), (6, 50))
    found.look([])
    found.look(["a", "b"])
    assert found.costs == {"a": Cost(3.0, 50), "b": Cost(3.0, 50)}


def test_processes_that_ended_take_no_time_back() -> None:
    found = meter((5, 10), (3, 10), (4, 10))
    found.look(["a"])
    found.look(["a"])
    found.look(["a"])
    assert found.costs["a"].cpu_s == 1.0


def test_counts_come_from_what_is_said() -> None:
    found = meter()
    found.hear(["Scorer"], "1,000 of 13,233 images embedded, 400 a second")
    found.hear(["Scorer"], "13,233 of 13,233 images embedded, 410 a second")
    found.hear(["Scorer"], "166,800 of 166,800 pairs scored")
    found.hear(["Scorer"], "epoch 1 of 3")
    found.hear([], "1 of 2 images embedded")
    assert found.costs["Scorer"].counters == {"images embedded": 13233, "pairs scored": 166800}
    assert counted(found.costs["Scorer"].counters) == "13,233 images embedded, 166,800 pairs scored"


def test_counts_of_the_data(tmp_path: Path) -> None:
    images, pairs = tmp_path / "images", tmp_path / "pairs"
    for folder, splits in (
        (
            images,
            {
                "train": {"images": 5, "identities": 2, "quarantined": 1},
                "test": {"images": 3, "identities": 1, "quarantined": 0},
            },
        ),
        (pairs, {"train": {"sampled": {"same": 4, "different": 6, "wanted": 20}}}),
    ):
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps({"splits": splits}))
    outputs = tuple(Artifact("Examples", str(folder), {}) for folder in (images, pairs))
    other = Execution("Trainer", "COMPLETE", (Artifact("Model", str(tmp_path), {}),))
    run = RunRecord("1", 1, 0.0, (Execution("Gen", "COMPLETE", outputs), other))
    assert data_counters(run) == {
        "Gen": {"images": 8, "identities": 3, "quarantined": 1, "pairs": 10}
    }


def test_the_table() -> None:
    costs = {"Gen": Cost(3.04, 1234.4, {"images": 8})}
    assert cost_lines(costs, {"Gen": 2.0, "Train": 10.0, "Gate": 0.02}) == [
        "          seconds     CPU s      MiB",
        "  Gen         2.0       3.0    1,234  8 images",
        "  Train      10.0       0.0        0",
    ]
    assert cost_lines(costs, {}) == []


def test_costs_are_found_again_by_the_run(tmp_path: Path) -> None:
    costs = {"Gen": Cost(3.0, 100, {"images": 8}), "Train": Cost(4.5, 200)}
    facts = {name: cost_facts(cost) for name, cost in costs.items()}
    for number in (1, 2):
        events = Events(tmp_path / f"{number}.log")
        events.write("run_ended", run_id=f"run-{number}", costs=facts)
    with (tmp_path / "2.jsonl").open("a") as file:
        file.write('{"event": "run_e')
    assert kept_costs(tmp_path, "run-1") == costs
    assert kept_costs(tmp_path, "run-3") == {}
    assert kept_costs(tmp_path / "missing", "run-1") == {}
