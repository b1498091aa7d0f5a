"""``faceauth calibrate`` on a toy model, where a face is a grey between 0 and 1."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipeline import faceauth


class Grey(tf.Module):
    """Decodes PNG files; two are as far apart as their mean greys."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = tf.Variable(0.5, trainable=False)
        self.slope = tf.Variable(1.0, trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
    def embed(self, image):
        def mean(file):
            pixels = tf.io.decode_image(file, channels=1, expand_animations=False)
            return tf.reduce_mean(tf.cast(pixels, tf.float32))[None] / 255

        spec = tf.TensorSpec([1], tf.float32)
        return {"embedding": tf.map_fn(mean, image, fn_output_signature=spec)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 1], tf.float32, name="embedding_a"),
            tf.TensorSpec([None, 1], tf.float32, name="embedding_b"),
        ]
    )
    def compare(self, embedding_a, embedding_b):
        distance = tf.abs(embedding_a - embedding_b)[:, 0]
        score = tf.sigmoid(self.slope * (self.threshold - distance))
        return {"distance": distance, "score": score, "same": distance <= self.threshold}


PEOPLE = 26


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with version 7 of a model."""
    folder = tmp_path / "models" / "faceauth"
    grey = Grey()
    signatures = {"embed": grey.embed, "compare": grey.compare}
    tf.saved_model.save(grey, str(folder / "7"), signatures)
    extra = folder / "7" / "assets.extra"
    extra.mkdir()
    (extra / "tf_serving_warmup_requests").write_bytes(b"requests")
    (extra / "network.json").write_text(json.dumps({"comparer": "euclidean"}))
    decision = {"threshold": 0.5, "objective": {"objective": "accuracy"}}
    (extra / "decision.json").write_text(json.dumps(decision))
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos a person: person n has the greys 9 n and 9 n + 2."""
    for person in range(PEOPLE):
        folder = tmp_path / "photos" / f"p{person:02d}"
        folder.mkdir(parents=True)
        for at, grey in enumerate((9 * person, 9 * person + 2)):
            Image.fromarray(np.full((8, 8), grey, np.uint8)).save(folder / f"{at}.png")
    return tmp_path / "photos"


def run(*arguments: object) -> int:
    return faceauth.main(["calibrate", *map(str, arguments)])


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_new_version_decides_by_the_photos(base, photos, capsys):
    before = files(base / "7")
    assert run(base, photos, "--max_far", 0.01, "--no-aged") == 0
    [new] = [path for path in base.glob("[!.]*") if path.name != "7"]
    assert int(new.name) > 7
    assert files(base / "7") == before
    # Photos of one person are 2 apart, the nearest of two people 7: halfway.
    decision = json.loads((new / "assets.extra" / "decision.json").read_text())
    assert decision["threshold"] == pytest.approx(4.5 / 255, rel=1e-6)
    assert decision["basis"] == "own_photos"
    assert decision["objective"] == {"objective": "max_far", "max_far": 0.01}
    assert (
        decision["calibrated_on"].items()
        >= {
            "folder": str(photos),
            "not_used": 0,
            "people": PEOPLE,
            "couples": 325,
            "images": 52,
            "pairs": 26 * 51,
            "same": 26,
        }.items()
    )
    assert (new / "assets.extra" / "tf_serving_warmup_requests").read_bytes() == b"requests"
    signatures = tf.saved_model.load(str(new)).signatures
    found = signatures["compare"](
        embedding_a=tf.constant([[0.0], [0.0]]), embedding_b=tf.constant([[0.017], [0.018]])
    )
    assert found["same"].numpy().tolist() == [True, False]
    said = capsys.readouterr().out
    assert said.splitlines()[0].startswith("threshold 0.01765 (95 %: ")
    assert said.splitlines()[0].endswith(", before 0.5")
    assert "on 26 people, 52 photos, 1,326 pairs: 26 of one person, and of 325 couples" in said
    assert "FMR on them 0 % (95 %: 0 % to 0.923 %)" in said
    assert "FMR asked for 1 %, shown 1 %" in said
    assert "note: the decision rests on 26 people" in said
    assert f"written: {new}" in said


def test_few_photos_show_what_they_can_and_it_is_said(base, photos, capsys):
    assert run(base / "7", photos, "--max_far", 0.001, "--no-aged", "--dry-run") == 0
    assert [path.name for path in base.glob("[!.]*")] == ["7"]
    said = capsys.readouterr().out
    assert "FMR asked for 0.1 %, shown 0.923 %" in said
    assert "325 couples of people cannot show" in said
    assert "nothing written" in said


def test_without_an_objective_it_is_the_models_own_and_json_is_the_record(base, photos, capsys):
    assert run(base, photos, "--json", "--dry-run") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["objective"] == {"objective": "accuracy"}
    assert set(record["on"]) == {"plain", "blur", "noise", "jpeg", "gamma", "small"}
    assert record["version"] is None


def test_a_pair_list_and_another_folder(base, photos, tmp_path, capsys):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("p00/0.png,p00/1.png,1\np00/1.png,p02/0.png,0\n")
    out = tmp_path / "elsewhere"
    assert run(base, photos, "--pairs", pairs, "--no-aged", "--out", out) == 0
    [new] = out.glob("[!.]*")
    decision = json.loads((new / "assets.extra" / "decision.json").read_text())
    # 2 of one person and 16 of two.
    assert decision["threshold"] == pytest.approx(9 / 255, rel=1e-6)
    assert decision["calibrated_on"]["pair_list"] == str(pairs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda base, photos: (photos, photos), "neither a SavedModel nor a folder of versions"),
        (lambda base, photos: (base, base.parent / "none"), "not a folder"),
        (lambda base, photos: (base, photos, "--max_far", 2), "less than or equal to 1"),
    ],
)
def test_what_cannot_be_done_is_said(base, photos, capsys, change, message):
    assert run(*change(base, photos)) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in base.glob("[!.]*")] == ["7"]


def test_help_lists_it_beside_the_other_commands(capsys):
    assert faceauth.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "calibrate" in said
    assert "authenticate" in said
