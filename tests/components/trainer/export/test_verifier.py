"""The exported model keeps its contract."""

import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from striped_faces import SHAPE, config, stripes

from components.decision.slope import logistic_score
from components.exported_model import network_digest
from components.trainer.comparison.comparisons import DistanceComparison
from components.trainer.export import warmup
from components.trainer.export.embedder import Embedder
from components.trainer.export.verifier import Verifier, save_verifier
from components.trainer.fitting.siamese import SiameseModel
from components.trainer.networks.config import TextureConfig
from components.trainer.networks.texture import fit_texture
from faces import DLIB_150, FaceCanvas


def test_texture_joins_the_embedding():
    model = SiameseModel(config(comparison="plda"), (32, 32, 1), 5)
    pixels = np.random.default_rng(0).integers(0, 255, (12, 32, 32, 1), dtype=np.uint8)
    chosen = TextureConfig(components=4)
    embedder = Embedder(model, fit_texture(pixels, chosen, seed=0))
    found = embedder.embed_all(pixels)
    assert embedder.size == 8 + 4 + 4
    assert found.shape == (12, 16)
    np.testing.assert_allclose(found[:, :8], model.embed_all(pixels), atol=1e-6)
    for part in (found[:, 8:12], found[:, 12:]):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, rtol=1e-5)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A SavedModel whose images are 256 raw bytes, so that no decoder stands between."""
    keras.utils.set_random_seed(0)
    model = SiameseModel(config(), SHAPE, 5)
    verifier = Verifier(
        lambda image: tf.reshape(tf.io.decode_raw(image, tf.uint8), (-1, *SHAPE)),
        Embedder(model),
        DistanceComparison("euclidean"),
        8,
        tracked=[],
        threshold=0.75,
        slope=4.0,
    )
    folder = tmp_path_factory.mktemp("model") / "Format-Serving"
    save_verifier(verifier, folder, {"some.json": {"threshold": 0.75}})
    return model, tf.saved_model.load(str(folder)), folder


def test_the_signatures_are_those_of_the_contract(exported):
    _, loaded, folder = exported
    found = {
        name: (
            {key: (spec.dtype, spec.shape.as_list()) for key, spec in inputs[1].items()},
            {key: spec.dtype for key, spec in function.structured_outputs.items()},
        )
        for name, function in loaded.signatures.items()
        for inputs in [function.structured_input_signature]
    }
    decided = {"distance": tf.float32, "score": tf.float32, "same": tf.bool}
    assert found == {
        "canvas": ({"image": (tf.string, [None])}, {"canvas": tf.string, "network": tf.string}),
        "embed": ({"image": (tf.string, [None])}, {"embedding": tf.float32}),
        "compare": (
            {
                "embedding_a": (tf.float32, [None, 8]),
                "embedding_b": (tf.float32, [None, 8]),
            },
            decided,
        ),
        "serving_default": (
            {"image_a": (tf.string, [None]), "image_b": (tf.string, [None])},
            decided,
        ),
        "operating_point": (
            {"max_fmr": (tf.float32, [None])},
            dict.fromkeys(("distance", "score", "fmr", "decision_fmr"), tf.float32),
        ),
        "search_space": (
            {"dimension": (tf.int64, [None])},
            {"unit_length": tf.bool, "mean": tf.float32, "weight": tf.float32},
        ),
    }
    record = json.loads((folder / "assets.extra" / "some.json").read_text())
    assert record == {"threshold": 0.75}
    assert (folder / warmup.FILE).is_file()


def test_serving_default_is_compare_of_embed(exported):
    model, loaded, _ = exported
    pixels = stripes(6, 2, seed=3).pixels
    files = tf.constant([image.tobytes() for image in pixels])
    embed, compare = loaded.signatures["embed"], loaded.signatures["compare"]
    embeddings = embed(image=files)["embedding"]
    np.testing.assert_allclose(embeddings, model.embed_all(pixels), atol=1e-6)
    at_once = loaded.signatures["serving_default"](image_a=files[:6], image_b=files[6:])
    apart = compare(embedding_a=embeddings[:6], embedding_b=embeddings[6:])
    for key in ("distance", "score", "same"):
        np.testing.assert_allclose(
            tf.cast(at_once[key], tf.float32), tf.cast(apart[key], tf.float32), atol=1e-6
        )


def test_the_score_is_the_calibrated_one_and_half_is_the_decision(exported):
    _, loaded, _ = exported
    at = np.float32(0.75)
    line = np.array(
        [0.0, 0.5, np.nextafter(at, np.float32(0)), at, np.nextafter(at, np.float32(1)), 1.0, 2.0],
        np.float32,
    )
    embeddings = np.zeros((len(line), 8), np.float32)
    embeddings[:, 0] = line
    found = loaded.signatures["compare"](
        embedding_a=tf.constant(embeddings), embedding_b=tf.zeros((len(line), 8))
    )
    np.testing.assert_array_equal(found["distance"], line)
    assert found["same"].numpy().tolist() == [True, True, True, True, False, False, False]
    np.testing.assert_array_equal(found["score"].numpy() >= 0.5, found["same"])
    np.testing.assert_allclose(found["score"], logistic_score(line, 0.75, 4.0), rtol=1e-6)


def undecided(model: SiameseModel, **options: Any) -> Verifier:
    """A model as Trainer makes it, but for ``options``; its images are not prepared."""
    comparison = DistanceComparison("euclidean")
    return Verifier(lambda image: image, Embedder(model), comparison, 8, tracked=[], **options)


def test_a_model_says_how_it_wants_its_faces(exported):
    _, loaded, folder = exported
    asked = tf.constant(["", "whatever"])
    assert loaded.signatures["canvas"](image=asked)["canvas"].numpy().tolist() == [b"", b""]
    # Which network it is, by what its own files say.
    said = loaded.signatures["canvas"](image=asked)["network"].numpy().tolist()
    assert said == [network_digest(folder).encode()] * 2

    model = SiameseModel(config(), SHAPE, 5)
    verifier = undecided(model, canvas=DLIB_150)
    told = verifier.canvas(asked)["canvas"].numpy()
    assert [FaceCanvas.model_validate_json(each) for each in told] == [DLIB_150, DLIB_150]


def test_without_a_decision_nobody_is_the_same_person():
    model = SiameseModel(config(), SHAPE, 5)
    verifier = undecided(model)
    found = verifier.compare(tf.zeros((2, 8)), tf.constant([[0.0] * 8, [1.0] * 8]))
    # Not even an image and itself.
    assert found["distance"].numpy()[0] == 0
    assert found["same"].numpy().tolist() == [False, False]
    assert (found["score"].numpy() < 0.5).all()


def test_without_a_table_no_rate_is_known(exported):
    _, loaded, _ = exported
    found = loaded.signatures["operating_point"](max_fmr=tf.constant([0.0, 0.01, 1.0]))
    assert found["distance"].numpy().tolist() == [0.75] * 3
    assert found["score"].numpy().tolist() == [0.5] * 3
    assert found["fmr"].numpy().tolist() == found["decision_fmr"].numpy().tolist() == [1.0] * 3


def test_operating_points_by_hand():
    model = SiameseModel(config(), SHAPE, 5)
    verifier = undecided(model, threshold=0.5, slope=4)
    # Up to .1, .2, ... 6.5, at .001, .002, ... .065 of strangers mistaken.
    steps = np.arange(1, 66, dtype=np.float32)
    verifier.fmr_distances.assign(steps / 10)
    verifier.fmr_rates.assign(steps / 1000)
    asked = [0.0, 0.001, 0.0029, 0.003, 0.065, 1.0]
    found = verifier.operating_point(tf.constant(asked))
    rows = np.float32([1, 1, 2, 3, 65, 65])
    np.testing.assert_allclose(found["distance"], rows / 10, rtol=1e-6)
    np.testing.assert_allclose(found["fmr"], rows / 1000, rtol=1e-6)
    np.testing.assert_allclose(found["score"], 1 / (1 + np.exp(4 * (rows / 10 - 0.5))), rtol=1e-6)
    # The model's own threshold is in the fifth row.
    np.testing.assert_allclose(found["decision_fmr"], [0.005] * 6, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_embedding_that_is_no_number_is_refused(exported, bad):
    _, loaded, _ = exported
    with pytest.raises(tf.errors.InvalidArgumentError, match="embedding_b"):
        loaded.signatures["compare"](
            embedding_a=tf.zeros((2, 8)), embedding_b=tf.fill((2, 8), tf.constant(bad, tf.float32))
        )


def test_empty_batches_are_served(exported):
    _, loaded, _ = exported
    nothing = tf.constant([], tf.string)
    assert loaded.signatures["embed"](image=nothing)["embedding"].shape == (0, 8)
    found = loaded.signatures["serving_default"](image_a=nothing, image_b=nothing)
    assert found["score"].shape == (0,)
