"""The compiled spec, task by task as Kubeflow's driver and launcher run it: a pushed model.

There is no Kubeflow here; ``kubeflow_driver`` does what it would. In the first run Trainer is
killed in the middle and tried again, and what is pushed is compared with what a local run pushed
that nothing happened to. The runs behind it take from the cache what Kubeflow's would.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from chain_outputs import numbers
from kubeflow_driver import Kubeflow, Submission
from test_chain import Chain, Run

from components.trainer.fitting.checkpoint import Checkpoint
from pipeline.config import load_config
from pipeline.kubeflow_runner import compile_pipeline

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EPOCHS = 4  # Enough to be killed among them.


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> tuple[Chain, Run]:
    chain = Chain(tmp_path_factory.mktemp("local"))
    return chain, chain.run("local", FACEAUTH__TRAINING__EPOCHS=str(EPOCHS))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def kubeflow(
    local: tuple[Chain, Run], served: Path, tmp_path_factory: pytest.TempPathFactory
) -> Kubeflow:
    chain, _ = local
    folder = tmp_path_factory.mktemp("kubeflow")
    (folder / "bucket").mkdir()
    overrides = {
        "FACEAUTH__KUBEFLOW": "{image: faceauth, pipeline_root: gs://bucket/runs}",
        "FACEAUTH__SERVING__BASE_DIR": str(served),
        "FACEAUTH__RUNS_DIR": str(folder / "runs"),
        "FACEAUTH__TRAINING__EPOCHS": str(EPOCHS),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEAUTH_BUCKETS", str(folder))
        path = compile_pipeline(load_config(chain.path, overrides))
    return Kubeflow(yaml.safe_load(path.read_text()), folder)


@pytest.fixture(scope="module")
def first(kubeflow: Kubeflow) -> tuple[Submission, int]:
    """A whole run, and how many epochs were done when its Trainer was killed."""
    run = Submission(kubeflow, "first")
    at = kubeflow.order.index("Trainer")
    run.run(*kubeflow.order[:at])
    run.kill("Trainer", lambda: bool(checkpoints(run)))
    [state] = checkpoints(run)
    done = Checkpoint(state.parent).progress().next_epoch
    run.run(*kubeflow.order[at:])
    return run, done


def checkpoints(run: Submission) -> list[Path]:
    """The states that trainings left which were stopped."""
    return list(run.kubeflow.path(run.root("Trainer")).parent.rglob("checkpoints/*/state.npz"))


def versions(served: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in sorted(served.glob("*/[0-9]*"))}


def training(run: Submission) -> dict[str, Any]:
    return json.loads((run.folder("Trainer", "model_run") / "training.json").read_text())


def epochs_in(log: str) -> list[tuple[str, str]]:
    """The epochs that a log tells of: which, of how many."""
    return re.findall(r"epoch (\d+)/(\d+)  loss", log)


def ran(run: Submission) -> set[str]:
    return {name for name, state in run.states.items() if state == "ran"}


def test_what_is_pushed_is_the_local_runs_model(
    local: tuple[Chain, Run], first: tuple[Submission, int], served: Path
) -> None:
    chain, _ = local
    [pushed] = versions(served)
    [there] = chain.config.serving_dir.glob("[0-9]*")
    assert numbers(pushed) == numbers(there)
    same = "assets.extra/decision.json"
    assert (pushed / same).read_bytes() == (there / same).read_bytes()


def test_a_training_that_was_killed_goes_on_where_it_was(first: tuple[Submission, int]) -> None:
    run, done = first
    assert 0 < done < EPOCHS
    log = run.logs["Trainer"]
    assert f"going on after epoch {done}, where this training was stopped" in log
    assert epochs_in(log) == [(str(each), str(EPOCHS)) for each in range(done + 1, EPOCHS + 1)]
    assert len(training(run)["history"]["val_eer"]) == EPOCHS
    # Its state is of no more use.
    assert not checkpoints(run)


def test_what_a_run_keeps_for_the_next_lies_in_the_bucket(first: tuple[Submission, int]) -> None:
    run, _ = first
    assert list((run.kubeflow.buckets / "bucket" / "runs" / "embeddings").rglob("*.npz"))


def test_the_same_again_comes_from_the_cache_and_pushes_nothing(
    kubeflow: Kubeflow, first: tuple[Submission, int], served: Path
) -> None:
    before = versions(served)
    again = Submission(kubeflow, "again")
    again.run(*kubeflow.order)
    assert ran(again) == {"Pusher"}
    assert versions(served) == before


def test_other_photos_are_not_answered_from_the_cache(
    kubeflow: Kubeflow, first: tuple[Submission, int]
) -> None:
    def known(**submitted: str) -> bool:
        return Submission(kubeflow, "photos", **submitted).key("PairExampleGen") in kubeflow.cache

    assert known()
    assert not known(images="gs://bucket/may")
    assert not known(data_version="may")


def test_other_epochs_at_submission(kubeflow: Kubeflow, first: tuple[Submission, int]) -> None:
    run = Submission(kubeflow, "epochs", epochs=2)
    run.run(*kubeflow.up_to("Trainer"))
    assert ran(run) == {"AnomalyGate-pairs", "Trainer"}
    assert epochs_in(run.logs["Trainer"]) == [("1", "2"), ("2", "2")]
    record = training(run)
    assert record["training"]["epochs"] == len(record["history"]["val_eer"]) == 2
    default, _ = first
    assert training(default)["training"]["epochs"] == EPOCHS


def test_other_thresholds_at_submission(kubeflow: Kubeflow, first: tuple[Submission, int]) -> None:
    bound = [{"metric": "auc", "max": 0.1}]
    run = Submission(kubeflow, "thresholds", thresholds=json.dumps(bound))
    run.run(*kubeflow.up_to("Evaluator"))
    assert ran(run) == {"AnomalyGate-pairs", "Evaluator"}
    verdict = json.loads((run.folder("Evaluator", "blessing") / "blessing.json").read_text())
    assert not verdict["blessed"]
    [reason] = verdict["reasons"]
    assert (reason["metric"], reason["max"]) == ("auc", 0.1)
    default, _ = first
    verdict = json.loads((default.folder("Evaluator", "blessing") / "blessing.json").read_text())
    assert verdict["blessed"]


def test_a_bad_value_stops_a_run_before_anything_is_trained(
    kubeflow: Kubeflow, first: tuple[Submission, int]
) -> None:
    run = Submission(kubeflow, "bad", epochs="many")
    *before, gate = kubeflow.up_to("AnomalyGate-pairs")
    run.run(*before)
    assert not ran(run)
    assert "parameter epochs is 'many', which cannot be used" in run.fail(gate)
    assert gate in kubeflow.up_to("Trainer")
