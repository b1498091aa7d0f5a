"""A person is taken out of every artifact, cache, report and log; models are marked."""

import gzip
import json
from hashlib import sha256

import numpy as np
import pytest
import tensorflow as tf

from components import features
from pipeline.faceauth import main
from pipeline.kept_runs.forget import forget
from pipeline.kept_runs.forgotten import is_marked
from pipeline.kept_runs.search import files_with, pattern
from serving.enrolment import ModelVersion, TemplateCipher, TemplateStore, new_key


def write_images(store, uri: str, people: dict[str, bytes], path) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, photo in people.items():
            example = tf.train.Example()
            values = {features.IDENTITY: name.encode(), features.IMAGE_ENCODED: photo}
            for key, value in values.items():
                example.features.feature[key].bytes_list.value.append(value)
            writer.write(example.SerializeToString())
    store.put(f"{uri}/Split-train/images-00000", path.read_bytes())


def make_two_runs(store, tmp_path):
    """One that read a photo of Ada's and pushed a model, and one with other people."""
    folders = {}
    for number, people in enumerate(({"Ada": b"ada", "Ben": b"ben"}, {"Adam": b"adam"})):
        run = store.run(str(number))
        gen = store.execution(run, "Gen")
        store.artifact(gen, "Gen", "images", "Examples")
        uri = f"{store.artifacts}/Gen/images/{gen}"
        write_images(store, uri, people, tmp_path / "images")
        transform = store.execution(run, "Transform")
        store.artifact(transform, "Transform", "pixels", "Examples")
        trainer = store.execution(run, "Trainer")
        store.artifact(trainer, "Trainer", "model", "Model")
        pushed = tmp_path / "models" / str(17 + number)
        pushed.mkdir(parents=True)
        pusher = store.execution(run, "Pusher")
        place = {"pushed_destination": str(pushed)}
        store.artifact(pusher, "Pusher", "pushed_model", "PushedModel", **place)
        folders[number] = (gen, transform, trainer, pusher)
    return folders


@pytest.fixture
def two_runs(store, tmp_path):
    return make_two_runs(store, tmp_path)


def test_one_person_goes_and_the_others_stay(anywhere, tmp_path) -> None:
    store = anywhere
    two_runs = make_two_runs(store, tmp_path)
    root = store.root
    for name in ("aligned_faces/x/face", "report/report.html", "logs/1.log"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("first\nAda/1.jpg is small\nAdam too\n")
    wanted = pattern("Ada", [sha256(b"ada").hexdigest()])
    assert list(files_with(root, wanted))
    assert forget(root, "Ada", print) == {sha256(b"ada").hexdigest()}
    assert list(files_with(root, wanted)) == []
    _, _, trainer, pusher = two_runs[0]
    # Pixels hold no name and go, too; the model stays, and is marked.
    assert store.there() == {
        f"Trainer/model/{trainer}",
        f"Pusher/pushed_model/{pusher}",
        *(
            f"{a}/{n}"
            for a, n in zip(
                ("Gen/images", "Transform/pixels", "Trainer/model", "Pusher/pushed_model"),
                two_runs[1],
                strict=True,
            )
        ),
    }
    assert is_marked(root, f"{store.artifacts}/Trainer/model/{trainer}")
    other = two_runs[1][2]
    assert not is_marked(root, f"{store.artifacts}/Trainer/model/{other}")
    marked = json.loads((tmp_path / "models" / "forgotten.json").read_text())
    assert list(marked) == [str(tmp_path / "models" / "17")]
    assert not (root / "aligned_faces").exists()
    assert not (root / "report").exists()
    assert (root / "logs" / "1.log").read_text() == "first\n(forgotten)\nAdam too\n"
    # Again, as after a kill: nothing is left to do, and what was marked stays so.
    assert forget(root, "Ada", print) == set()
    assert is_marked(root, f"{store.artifacts}/Trainer/model/{trainer}")


def test_the_command_forgets_at_an_address(bucket_store, tmp_path, capsys) -> None:
    store = bucket_store
    make_two_runs(store, tmp_path)
    for name, content in {
        "aligned_faces/c0de/ab/face": b"ada",
        "Trainer/checkpoints/aa/state.npz": b"of a training with her",
        "Report/summary/99/note.gz": gzip.compress(b"Ada was here"),
    }.items():
        store.put(f"{store.artifacts}/{name}", content)
    config = tmp_path / "faces.yaml"
    config.write_text(
        f"name: faces\nruns_dir: {tmp_path / 'runs'}\npipeline_root: gs://bucket/runs\n"
        f"data: {{images: {tmp_path / 'photos'}, align: none}}\n"
    )
    asked = ["forget-subject", "Ada", "--config", str(config)]
    asked += ["--store", f"sqlite:///{tmp_path / 'none.db'}"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    # Gen/images/1, Transform/pixels/2 and the note, which no run made.
    assert "1 photos found; 3 artifacts deleted" in said
    assert f"below {tmp_path / 'runs'} and gs://bucket/runs/faces for the name" in said
    assert said.endswith("nothing is left\n")
    kept = [name for name in store.bucket.names("") if "/file" not in name]
    assert kept == ["runs/faces/Gen/images/5/Split-train/images-00000", "runs/faces/owner.txt"]
    # What cannot be deleted is named, and is no success.
    store.put(f"{store.artifacts}/Trainer/model/3/note.txt", b"Ada was here")
    assert main(asked) == 2
    assert "gs://bucket/runs/faces/Trainer/model/3/note.txt" in capsys.readouterr().err
    # Of what others put there since, nothing is promised.
    store.put(f"{store.artifacts}/owner.txt", b"another one")
    before = store.bucket.names("")
    assert main(asked) == 2
    assert "it was not searched: do that where those runs are kept" in capsys.readouterr().err
    assert store.bucket.names("") == before


def test_an_artifact_that_only_names_a_person_goes(store) -> None:
    execution = store.execution(store.run("1"), "Report")
    store.artifact(execution, "Report", "summary", "RunSummary")
    folder = store.root / "artifacts" / "Report" / "summary" / str(execution)
    (folder / "duplicates.csv").write_text("Ada/1.jpg,Ben/2.jpg\n")
    forget(store.root, "Ada", print)
    assert not folder.exists()


def test_who_is_not_there_takes_nothing_away(store, two_runs) -> None:
    before = store.there()
    (store.root / "report").mkdir()
    assert forget(store.root, "Eve", print) == set()
    assert store.there() == before
    assert (store.root / "report").exists()
    assert not (store.root / "forgotten.json").exists()


def test_the_command_forgets_in_runs_and_in_the_template_store(
    store, two_runs, tmp_path, monkeypatch, capsys
) -> None:
    url, key = f"sqlite:///{tmp_path / 'templates.db'}", new_key()
    templates = TemplateStore(url, TemplateCipher(key))
    for name in ("Ada", "Adam"):
        templates.put(name, ModelVersion("faceauth", 1), np.ones((2, 4), np.float32))
    templates.close()
    config = tmp_path / "faces.yaml"
    config.write_text(
        f"name: faces\nruns_dir: {tmp_path / 'runs'}\n"
        f"data: {{images: {tmp_path / 'photos'}, align: none}}\n"
    )
    (tmp_path / "photos" / "Ada").mkdir(parents=True)
    monkeypatch.setenv("FACEAUTH_TEMPLATE_KEY", key)
    asked = ["forget-subject", "Ada", "--config", str(config), "--store", url]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 templates deleted\n")
    assert f"their photos are still in {tmp_path / 'photos' / 'Ada'};" in said
    assert said.endswith("nothing is left\n")
    templates = TemplateStore(url, TemplateCipher(key))
    assert templates.made_by("Ada") is None
    assert templates.made_by("Adam") == ModelVersion("faceauth", 1)
    templates.close()
    # What cannot be deleted is named, and is no success.
    (store.root / "note.txt").write_text("Ada was here")
    assert main(asked) == 2
    told = capsys.readouterr()
    assert told.out.startswith("0 templates deleted\n")
    assert str(store.root / "note.txt") in told.err
