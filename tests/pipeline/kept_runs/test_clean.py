"""Old runs go, with what killed ones left; what is kept, blessed or pushed stays."""

import os
from pathlib import Path

import pytest

from pipeline.errors import CommandError
from pipeline.kept_runs.clean import clean

RUNNING = 2


def four_runs(store):
    """A blessed and pushed one, one that was not blessed, a killed one, and the newest."""
    run = store.run("1")
    gen = store.execution(run, "Gen")  # 1
    images = store.artifact(gen, "Gen", "images", "Examples")
    decision = store.execution(run, "Decision")  # 2
    model = store.artifact(decision, "Decision", "model", "Model")
    evaluator = store.execution(run, "Evaluator")  # 3
    blessing = {"blessed": 1, "current_model_id": model}
    store.artifact(evaluator, "Evaluator", "blessing", "ModelBlessing", **blessing)
    store.artifact(evaluator, "Evaluator", "evaluation", "ModelEvaluation")
    pusher = store.execution(run, "Pusher")  # 4
    store.artifact(pusher, "Pusher", "pushed_model", "PushedModel")

    run = store.run("2")
    gen = store.execution(run, "Gen")  # 5
    store.artifact(gen, "Gen", "images", "Examples")
    decision = store.execution(run, "Decision")  # 6
    worse = store.artifact(decision, "Decision", "model", "Model")
    evaluator = store.execution(run, "Evaluator")  # 7
    blessing = {"blessed": 0, "current_model_id": worse}
    store.artifact(evaluator, "Evaluator", "blessing", "ModelBlessing", **blessing)

    run = store.run("3")
    store.execution(run, "Trainer", RUNNING)  # 8
    store.put(f"{store.artifacts}/Trainer/model/8/half", b"a model")

    run = store.run("4")
    gen = store.execution(run, "Gen")  # 9
    store.output(gen, images)  # From the cache.
    trainer = store.execution(run, "Trainer")  # 10
    store.artifact(trainer, "Trainer", "model", "Model")


def test_what_stays(anywhere) -> None:
    store = anywhere
    four_runs(store)
    said: list[str] = []
    clean(store.root, 1, said.append)
    assert store.there() == {
        "Gen/images/1",  # The newest run took it from the cache.
        "Decision/model/2",
        "Evaluator/blessing/3",
        "Pusher/pushed_model/4",
        "Trainer/model/10",
    }
    assert store.states().count("CANCELED") == 1
    assert said[0] == "Trainer: was still said to be running, and is canceled"
    # evaluation/3, images/5, model/6, blessing/7 and the empty model/8.
    assert "deleted 5 folders of artifacts" in said[1]
    assert said[1].endswith("kept 1 of 4 runs and 1 blessed models")
    clean(store.root, 1, said.append)
    assert "deleted 0 folders" in said[2]


def test_the_newest_whole_run_stays_behind_killed_ones(store) -> None:
    gen = store.execution(store.run("1"), "Gen")
    store.artifact(gen, "Gen", "images", "Examples")
    store.execution(store.run("2"), "Gen", RUNNING)
    store.execution(store.run("3"), "Gen", RUNNING)
    said: list[str] = []
    clean(store.root, 1, said.append)
    assert store.there() == {f"Gen/images/{gen}"}
    assert said[-1].endswith("kept 2 of 3 runs and 0 blessed models")


def test_a_dry_run_deletes_nothing(store) -> None:
    four_runs(store)
    before = store.there()
    said: list[str] = []
    clean(store.root, 1, said.append, dry_run=True)
    assert store.there() == before
    assert "RUNNING" in store.states()
    assert "would delete 5 folders" in said[0]


def test_logs_checkpoints_and_temporary_files(store) -> None:
    four_runs(store)
    old = [
        "logs/1.log",
        "artifacts/Trainer/checkpoints/aa/state.npz",
        "aligned_faces/code/ab/face.part",
        ".summary.json.17.part",
        "damaged/Gen.images.1/part",
        "artifacts/Gen/.system/executor_execution/1/x",
        "checksums/99.json",
    ]
    new = ["logs/2.log", "aligned_faces/code/ab/face", "checksums/1.json", "metadata.sqlite"]
    for name in [*old, *new]:
        path = store.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    for name in ("logs/1.log", "artifacts/Trainer/checkpoints/aa"):
        os.utime(store.root / name, (1e9, 1e9))
    clean(store.root, 1, lambda _: None)
    assert [name for name in old if (store.root / name).exists()] == []
    assert [name for name in new if (store.root / name).exists()] == new


def test_a_folder_without_runs(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no run in"):
        clean(tmp_path, 1, print)


def test_what_lies_beside_artifacts_at_an_address(bucket_store) -> None:
    store = bucket_store
    four_runs(store)
    bucket = store.bucket
    old, new = "2020-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z"
    for name, updated in {
        "Trainer/.system/executor_execution/8/half": new,
        "Trainer/checkpoints/aa/state.npz": old,
        "Trainer/checkpoints/bb/state.npz": new,
        "aligned_faces/c0de/ab/face": old,
        "aligned_faces/c0de/ab/face.1.part": old,
        "embeddings/net/key.npz": old,
    }.items():
        bucket.put(f"runs/faces/{name}", b"x", updated)
    bucket.put("runs/faces_2/Trainer/model/1/model", b"of another pipeline")
    before = bucket.names("")
    said: list[str] = []
    clean(store.root, 1, said.append, dry_run=True)
    assert bucket.names("") == before
    clean(store.root, 1, said.append)
    assert [line.split("; kept")[0].split(": ")[1] for line in (said[0], said[-1])] == [
        # Evaluator/evaluation/3, Gen/images/5, Decision/model/6, Evaluator/blessing/7 and
        # Trainer/model/8; and three files beside them.
        "would delete 5 folders of artifacts and 3 logs and left-overs, 0.0 MiB",
        "deleted 5 folders of artifacts and 3 logs and left-overs, 0.0 MiB",
    ]
    assert [name for name in bucket.names("") if "/file" not in name] == [
        "runs/faces/Trainer/checkpoints/bb/state.npz",
        "runs/faces/aligned_faces/c0de/ab/face",
        "runs/faces/embeddings/net/key.npz",
        "runs/faces/owner.txt",
        "runs/faces_2/Trainer/model/1/model",
    ]


def test_what_is_not_of_these_runs_is_left_alone(bucket_store) -> None:
    store = bucket_store
    four_runs(store)
    # Another machine took the address over.
    store.put(f"{store.artifacts}/owner.txt", b"another one")
    before = store.bucket.names("")
    said: list[str] = []
    clean(store.root, 1, said.append)
    assert said[0].startswith("gs://bucket/runs/faces: left alone, since what lies there now is")
    assert store.bucket.names("") == before
