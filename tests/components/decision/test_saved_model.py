"""A decision put into a SavedModel, without its graph being traced again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.decision.saved_model import write_decision
from components.exported_model import FMR_ROWS, network_digest
from components.saved_variables import read_variables, renew_fingerprint


class Trained(tf.Module):
    """Distance of two numbers, with a table, as Transform's graphs have them."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable([[3.0], [4.0]])
        self.steps = tf.Variable(7, dtype=tf.int64, trainable=False)
        self.threshold = tf.Variable(-1.0, trainable=False)
        self.slope = tf.Variable(1.0, trainable=False)
        keys, values = tf.constant(["a"]), tf.constant([1.0])
        table = tf.lookup.KeyValueTensorInitializer(keys, values)
        self.table = tf.lookup.StaticHashTable(table, 5.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="embedding_a")])
    def compare(self, embedding_a):
        distance = tf.abs(embedding_a[:, 0]) * self.table.lookup(tf.constant("a"))
        return {
            "distance": distance,
            "score": tf.sigmoid(self.slope * (self.threshold - distance)),
            "same": distance <= self.threshold,
        }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "Format-Serving"
    module = Trained()
    tf.saved_model.save(module, str(folder), {"compare": module.compare})
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"requests")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


THRESHOLD = float(np.float32(0.3))


@pytest.fixture(scope="module")
def decided(trained: Path) -> Path:
    folder = trained.parent / "decided"
    write_decision(trained, folder, THRESHOLD, 8.0, {"threshold": THRESHOLD})
    return folder


def test_the_model_decides_by_the_values(trained: Path, decided: Path) -> None:
    above = np.nextafter(np.float32(THRESHOLD), np.float32(1))
    points = tf.constant([[0.0], [THRESHOLD], [above]])
    found = tf.saved_model.load(str(decided)).signatures["compare"](embedding_a=points)
    assert found["same"].numpy().tolist() == [True, True, False]
    expected = 1 / (1 + np.exp(-8 * np.float64(THRESHOLD)))
    assert found["score"].numpy()[0] == pytest.approx(expected, rel=1e-6)
    before = tf.saved_model.load(str(trained)).signatures["compare"](embedding_a=points)
    assert not before["same"].numpy().any()


def test_a_loader_of_graphs_as_tensorflow_serving_is_sees_the_same(decided: Path) -> None:
    # It restores the checkpoint by the graph's own restore op, not by Python's object graph.
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(decided))
        signature = meta.signature_def["compare"]
        same = session.run(
            signature.outputs["same"].name,
            {signature.inputs["embedding_a"].name: [[0.2], [0.4]]},
        )
    assert same.tolist() == [True, False]


def test_nothing_else_is_another(trained: Path, decided: Path) -> None:
    before, after = files(trained), files(decided)
    assert after.keys() - before.keys() == {"assets.extra/decision.json"}
    assert before.keys() <= after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {
        "fingerprint.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
    }
    assert json.loads(after["assets.extra/decision.json"]) == {"threshold": THRESHOLD}
    old, new = read_variables(trained), read_variables(decided)
    assert old.keys() == new.keys()
    differing = {name for name in old if not np.array_equal(old[name], new[name])}
    assert {name.split("/")[0] for name in differing} == {"threshold", "slope"}


def test_the_network_is_told_by_all_but_the_decision(
    trained: Path, decided: Path, tmp_path: Path
) -> None:
    assert network_digest(trained) == network_digest(decided)
    module = Trained()
    module.weights.assign([[3.0], [5.0]])
    tf.saved_model.save(module, str(tmp_path / "other"), {"compare": module.compare})
    assert network_digest(tmp_path / "other") != network_digest(trained)


def test_the_fingerprint_is_what_tensorflow_computes(trained: Path, tmp_path: Path) -> None:
    fingerprint = tf.saved_model.experimental.read_fingerprint
    written = fingerprint(str(trained)).checkpoint_hash
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    renew_fingerprint(copy)
    # Of the variables that TensorFlow wrote, and put into the fingerprint itself.
    assert fingerprint(str(copy)).checkpoint_hash == written
    hashes = set()
    for threshold in (0.5, 0.6):
        folder = tmp_path / str(threshold)
        write_decision(trained, folder, threshold, 1.0, {})
        hashes.add(fingerprint(str(folder)).checkpoint_hash)
    assert len(hashes | {written}) == 3


def test_the_same_decision_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_decision(trained, tmp_path / name, 0.5, 2.0, {"threshold": 0.5})
    assert files(tmp_path / "first") == files(tmp_path / "second")


def test_a_decided_model_can_be_decided_again(decided: Path, tmp_path: Path) -> None:
    write_decision(decided, tmp_path / "again", 0.1, 2.0, {"threshold": 0.1})
    model = tf.saved_model.load(str(tmp_path / "again"))
    found = model.signatures["compare"](embedding_a=tf.constant([[0.2]]))
    assert not found["same"].numpy()[0]


def test_what_has_no_place_for_a_decision_is_refused(tmp_path: Path) -> None:
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    module.serve = tf.function(
        lambda x: x + module.weight, input_signature=[tf.TensorSpec([None], tf.float32)]
    )
    tf.saved_model.save(module, str(tmp_path / "old"), {"serve": module.serve})
    with pytest.raises(ValueError, match=r"no variable for slope.* and for threshold"):
        write_decision(tmp_path / "old", tmp_path / "new", 0.5, 1.0, {})
    with pytest.raises(ValueError, match="is no SavedModel"):
        write_decision(tmp_path / "none", tmp_path / "new", 0.5, 1.0, {})
    assert not (tmp_path / "new").exists()


def test_the_table_of_rates_goes_into_a_model_that_has_a_place_for_one(tmp_path: Path) -> None:
    module = Trained()
    module.fmr_distances = tf.Variable([-1.0] * FMR_ROWS, trainable=False)
    module.fmr_rates = tf.Variable([1.0] * FMR_ROWS, trainable=False)
    tf.saved_model.save(module, str(tmp_path / "trained"), {"compare": module.compare})
    table = [[row / 4, (row + 1) / 128] for row in range(FMR_ROWS)]
    write_decision(tmp_path / "trained", tmp_path / "1", 0.5, 1.0, {"fmr_table": table})
    found = tf.saved_model.load(str(tmp_path / "1"))
    assert np.stack([found.fmr_distances, found.fmr_rates], axis=1).tolist() == table
    # A decision that knows no rates takes them out again.
    write_decision(tmp_path / "1", tmp_path / "2", 0.25, 1.0, {})
    found = tf.saved_model.load(str(tmp_path / "2"))
    assert set(found.fmr_distances.numpy().tolist()) == {0.25}
    assert set(found.fmr_rates.numpy().tolist()) == {1.0}
    assert len({network_digest(tmp_path / name) for name in ("trained", "1", "2")}) == 1
