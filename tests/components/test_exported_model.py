"""An exported model in use: a toy whose images are numbers, two as far apart as theirs."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components import exported_model
from components.exported_model import (
    ExportedModel,
    decision_of,
    network_of,
    read_record,
)
from faces import LFW


class Toy(tf.Module):
    """Tells by the second number of an embedding how many images were embedded with it."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
    def embed(self, image):
        number = tf.strings.to_number(image)
        count = tf.cast(tf.size(image), tf.float32)
        return {"embedding": tf.stack([number, tf.fill(tf.shape(image), count)], axis=1)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="embedding_a"),
            tf.TensorSpec([None, 2], tf.float32, name="embedding_b"),
        ]
    )
    def compare(self, embedding_a, embedding_b):
        distance = tf.abs(embedding_a[:, 0] - embedding_b[:, 0])
        return {"distance": distance, "score": 1 / (1 + distance), "same": distance <= 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    toy = Toy()
    tf.saved_model.save(toy, str(folder), {"embed": toy.embed, "compare": toy.compare})
    return folder


@pytest.fixture
def model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ExportedModel:
    monkeypatch.setattr(exported_model, "EMBED_BATCH", 2)
    monkeypatch.setattr(exported_model, "PAIR_BATCH", 2)
    return ExportedModel(folder)


def test_files_are_embedded_by_the_batch(model: ExportedModel) -> None:
    expected = [[1, 2], [2, 2], [4, 1]]
    assert model.embed([b"1", b"2", b"4"]).tolist() == expected
    assert model.embed(tf.constant(["1", "2", "4"])).tolist() == expected
    assert model.embed([]).shape == (0, 2)


def test_embeddings_are_compared_by_the_batch(model: ExportedModel) -> None:
    embeddings = model.embed([b"1", b"2", b"4"])
    found = model.compare(embeddings, embeddings[[0, 0, 0]])
    assert found["distance"].tolist() == [0, 1, 3]
    assert found["score"].tolist() == [1, 0.5, 0.25]
    assert found["same"].tolist() == [True, True, False]
    a, b = np.array([2, 0, 1]), np.array([0, 0, 1])
    assert model.distances(embeddings, embeddings[::-1], a, b).tolist() == [0, 3, 0]


def test_what_a_model_says_of_itself(folder: Path, model: ExportedModel, tmp_path: Path) -> None:
    assert model.canvas is None
    assert read_record(folder, "decision.json") is None
    for read, writer in ((network_of, "Trainer"), (decision_of, "Decision")):
        with pytest.raises(ValueError, match=f"{folder} holds no .*that {writer} wrote"):
            read(folder)
    extra = folder / "assets.extra"
    extra.mkdir(exist_ok=True)
    records = {
        "network": {"comparer": "cosine"},
        "decision": {"threshold": 0.5},
        "faces": {"canvas": LFW.model_dump()},
    }
    for name, record in records.items():
        (extra / f"{name}.json").write_text(json.dumps(record))
    assert (model.network, model.decision) == (records["network"], records["decision"])
    assert ExportedModel(folder).canvas == LFW
    (extra / "decision.json").write_text("{")
    with pytest.raises(ValueError, match=r"decision.json is not JSON"):
        decision_of(folder)
