"""The model as a whole: it learns, its parts agree, what is exported keeps the contract."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from striped_faces import SHAPE, config, pairs_of, stripes

from components.decision.slope import logistic_score
from components.trainer.comparison.comparisons import (
    CosineComparer,
    PldaComparer,
    build_comparison,
    epoch_comparer,
)
from components.trainer.comparison.plda import fit_plda
from components.trainer.config import NetworkConfig, TextureConfig, TrainingConfig
from components.trainer.export import warmup
from components.trainer.export.embedder import Embedder
from components.trainer.export.verifier import Verifier, save_verifier
from components.trainer.fitting.loop import build_optimizer, fit
from components.trainer.fitting.siamese import SiameseModel, centre_crop, resize
from components.trainer.fitting.validation import pair_distances
from components.trainer.networks.build import build_network
from components.trainer.networks.texture import fit_texture
from faces import DLIB_150, FaceCanvas


@pytest.fixture(scope="module")
def data():
    train, val = stripes(40, 8, seed=1), stripes(12, 8, seed=2)
    return train, pairs_of(train, 600), val, pairs_of(val, 200)


PARADIGMS = [
    {"paradigm": "contrastive", "sampler": "pairs"},
    {"paradigm": "contrastive", "sampler": "identities", "mining": "hard"},
    {"paradigm": "binary", "sampler": "fresh_pairs"},
    {"paradigm": "triplet", "sampler": "identities", "mining": "hard"},
    {"paradigm": "triplet", "sampler": "identities", "mining": "semi_hard"},
    {"paradigm": "supcon", "sampler": "identities", "comparer": "plda"},
    {"paradigm": "arcface", "sampler": "identities", "margin": 0.3},
    {"paradigm": "cosface", "sampler": "identities", "margin": 0.3},
]


@pytest.mark.parametrize("chosen", PARADIGMS, ids=lambda c: f"{c['paradigm']}-{c['sampler']}")
def test_every_paradigm_learns_to_verify_identities_it_never_saw(data, chosen, tmp_path):
    model, history, best = fit(config(**chosen), *data, tmp_path)
    # Guessing has an EER of one half with a standard error of about .04 on these 200 pairs.
    assert history["val_eer"][best] < 0.3
    assert best == int(np.argmin(history["val_eer"]))
    comparer = build_comparison(
        model, lambda: model.embed_all(data[0].pixels), data[0].classes, model.embedding_size
    ).comparer
    distances = pair_distances(comparer, model.embed_all(data[2].pixels), data[3])
    assert (distances >= 0).all()
    assert (tmp_path / "train").is_dir()


def test_plda_gives_way_to_the_cosine_where_people_are_few(data):
    model = SiameseModel(config(comparer="plda"), SHAPE, 40)
    embeddings = model.embed_all(data[0].pixels)
    # 8 dimensions want 20 people, and 20 images beyond one each.
    for identities, images, name in ((19, 8, "cosine"), (20, 8, "plda"), (30, 1, "cosine")):
        rows = np.flatnonzero(
            (data[0].classes < identities) & (np.arange(len(embeddings)) % 8 < images)
        )
        found = build_comparison(
            model, lambda rows=rows: embeddings[rows], data[0].classes[rows], model.embedding_size
        )
        assert found.name == name
        assert isinstance(found.comparer, PldaComparer if name == "plda" else CosineComparer)
        assert (found.note is None) == (name == "plda")
    assert found.note == (
        "PLDA has too little to be fitted on (30 identities with 0 images beyond one each, where 8 "
        "dimensions want 20 of both), so the cosine compares instead"
    )


def test_only_plda_asks_for_the_train_images():
    model = SiameseModel(config(comparer="cosine"), SHAPE, 5)
    found = build_comparison(model, lambda: pytest.fail("asked"), np.zeros(5, int), 8)
    assert (found.name, found.note) == ("cosine", None)


def test_one_seed_gives_one_model(data, tmp_path):
    chosen = config(sampler="identities", epochs=1, steps_per_epoch=3)
    first, _, _ = fit(chosen, *data, tmp_path)
    second, _, _ = fit(chosen, *data, tmp_path)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_residual_network_has_the_size_that_was_measured():
    # The default: 0.57 M parameters (docs of the recipe), 64 x 64 grey in, 128 dimensions out.
    network = build_network(NetworkConfig(), (64, 64, 1))
    assert network.output_shape == (None, 128)
    assert 0.565e6 < network.count_params() < 0.575e6


@pytest.fixture
def untrained() -> SiameseModel:
    keras.utils.set_random_seed(0)
    return SiameseModel(config(paradigm="binary"), SHAPE, classes=5)


@pytest.mark.parametrize("comparer", ["euclidean", "cosine", "sigmoid", "plda"])
def test_comparers_are_symmetric_to_the_last_bit(untrained, comparer):
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 300, 8)).astype(np.float32)
    if comparer == "plda":
        made = PldaComparer(fit_plda(random.normal(size=(100, 8)), np.arange(100) // 4))
    else:
        paradigm = "binary" if comparer == "sigmoid" else "contrastive"
        made = epoch_comparer(SiameseModel(config(paradigm=paradigm, comparer=comparer), SHAPE, 5))
    there, back = made.distance(a, b).numpy(), made.distance(b, a).numpy()
    assert there.tobytes() == back.tobytes()
    assert there.shape == (300,)
    assert (there >= 0).all()


def test_the_plda_comparer_orders_pairs_as_the_ratio_does():
    random = np.random.default_rng(0)
    x = (random.normal(size=(50, 6))[np.arange(200) // 4] + random.normal(size=(200, 6))) / 4
    plda = fit_plda(x, np.arange(200) // 4)
    a, b = x[:99], x[101:]
    ratio = plda.log_likelihood_ratio(a, b)
    distance = PldaComparer(plda).distance(a.astype(np.float32), b.astype(np.float32))
    np.testing.assert_allclose(distance, np.log1p(np.exp(-ratio / plda.scale)), rtol=1e-4)


def test_the_sigmoid_distance_is_the_cross_entropy_of_same(untrained):
    a, b = np.random.default_rng(0).normal(size=(2, 20, 8)).astype(np.float32)
    logits = untrained.paradigm.head([a, b]).numpy()[:, 0]
    expected = -np.log(1 / (1 + np.exp(-logits.astype(np.float64))))
    np.testing.assert_allclose(epoch_comparer(untrained).distance(a, b), expected, rtol=1e-4)


def test_swapping_the_averages_twice_changes_nothing(untrained):
    untrained.compile(optimizer=build_optimizer(untrained.config.optimizer, 10))
    for average in untrained.averages:
        average.assign(average.value + 1)
    before = [weight.numpy().copy() for weight in untrained.trainable_variables]
    untrained.swap_averages()
    for weight, old in zip(untrained.trainable_variables, before, strict=True):
        np.testing.assert_allclose(weight.numpy(), old + 1)
    untrained.swap_averages()
    for weight, old in zip(untrained.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_the_rate_rises_then_falls_to_zero():
    chosen = TrainingConfig().optimizer.model_copy(update={"learning_rate": 1.0, "warmup": 0.1})
    rate = build_optimizer(chosen, 100)._learning_rate
    # Ten steps up, ninety down as half a cosine: its middle is step 55.
    found = [float(rate(step)) for step in (0, 5, 10, 55, 100)]
    np.testing.assert_allclose(found, [0, 0.5, 1, 0.5, 0], atol=1e-6)


def test_the_centre_crop():
    image = tf.reshape(tf.range(25), (1, 5, 5, 1))
    assert centre_crop(image, 3)[0, :, :, 0].numpy().tolist() == [
        [6, 7, 8],
        [11, 12, 13],
        [16, 17, 18],
    ]


def test_the_network_sees_the_prepared_image_resized():
    model = SiameseModel(config(resize=8, input_size=8), SHAPE, 5)
    half = SiameseModel(config(input_size=8), (8, 8, 1), 5)
    half.set_weights(model.get_weights())
    fine = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 1), dtype=np.uint8)
    coarse = fine.repeat(2, axis=1).repeat(2, axis=2)
    # Antialiased halving of doubled pixels: each weighs its own pair 3/4 and its neighbours 1/4.
    np.testing.assert_array_equal(model.view_all(coarse), resize(tf.constant(coarse), 8))
    np.testing.assert_allclose(
        model.embed_all(coarse), half.embed_all(model.view_all(coarse)), atol=1e-6
    )


def test_texture_joins_the_embedding():
    model = SiameseModel(config(comparer="plda"), (32, 32, 1), 5)
    pixels = np.random.default_rng(0).integers(0, 255, (12, 32, 32, 1), dtype=np.uint8)
    chosen = TextureConfig(components=4)
    embedder = Embedder(model, fit_texture(pixels, chosen, seed=0))
    found = embedder.embed_all(pixels)
    assert embedder.size == 8 + 4 + 4
    assert found.shape == (12, 16)
    np.testing.assert_allclose(found[:, :8], model.embed_all(pixels), atol=1e-6)
    for part in (found[:, 8:12], found[:, 12:]):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, rtol=1e-5)


def test_embedding_an_image_and_its_mirror_image_gives_the_same_with_mirror():
    model = SiameseModel(
        config(network={"name": "cnn", "width": 4, "mirror": True}, input_size=16), SHAPE, 5
    )
    pixels = stripes(3, 2, seed=0).pixels
    np.testing.assert_allclose(
        model.embed_all(pixels), model.embed_all(pixels[:, :, ::-1].copy()), atol=1e-6
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A SavedModel whose images are 256 raw bytes, so that no decoder stands between."""
    keras.utils.set_random_seed(0)
    model = SiameseModel(config(), SHAPE, 5)
    verifier = Verifier(
        lambda image: tf.reshape(tf.io.decode_raw(image, tf.uint8), (-1, *SHAPE)),
        Embedder(model),
        epoch_comparer(model),
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
        "canvas": ({"image": (tf.string, [None])}, {"canvas": tf.string}),
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


def test_a_model_says_how_it_wants_its_faces(exported):
    _, loaded, _ = exported
    asked = tf.constant(["", "whatever"])
    assert loaded.signatures["canvas"](image=asked)["canvas"].numpy().tolist() == [b"", b""]

    model = SiameseModel(config(), SHAPE, 5)
    verifier = Verifier(
        lambda image: image, Embedder(model), epoch_comparer(model), 8, tracked=[], canvas=DLIB_150
    )
    told = verifier.canvas(asked)["canvas"].numpy()
    assert [FaceCanvas.model_validate_json(each) for each in told] == [DLIB_150, DLIB_150]


def test_without_a_decision_nobody_is_the_same_person():
    model = SiameseModel(config(), SHAPE, 5)
    verifier = Verifier(lambda image: image, Embedder(model), epoch_comparer(model), 8, tracked=[])
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
    verifier = Verifier(
        lambda image: image, Embedder(model), epoch_comparer(model), 8, [], threshold=0.5, slope=4
    )
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


@pytest.mark.parametrize("comparer", ["euclidean", "cosine", "plda"])
def test_products_in_the_search_space_order_pairs_as_the_distance_does(comparer):
    random = np.random.default_rng(0)
    classes = np.arange(400) // 4
    # As embeddings of various lengths; two of eight dimensions tell nothing about an identity.
    means = random.normal(size=(100, 8)) * [1, 1, 1, 0.5, 0.5, 0.2, 0, 0]
    x = (means[classes] + 0.5 * random.normal(size=(400, 8)) + 0.3).astype(np.float32)
    if comparer == "plda":
        made = PldaComparer(fit_plda(x, classes))
    else:
        made = epoch_comparer(SiameseModel(config(comparer=comparer), SHAPE, 5))
    space = {name: each.numpy() for name, each in made.search_space(tf.range(8)).items()}
    placed = x.astype(np.float64)
    if space["unit_length"].all():
        placed /= np.linalg.norm(placed, axis=1, keepdims=True)
    placed = (placed - space["mean"]) @ space.get("matrix", np.eye(8))
    offsets = -0.5 * placed**2 @ space["weight"]
    a, b = random.integers(0, 400, (2, 5000))
    a, b = a[a != b], b[a != b]
    products = (placed[a] * placed[b]).sum(axis=1) + offsets[a] + offsets[b]
    distance = made.distance(x[a], x[b]).numpy()
    # Not only for one probe: over all pairs, one falls as the other rises.
    by_product = distance[np.argsort(-products)]
    np.testing.assert_allclose(by_product, np.sort(distance), rtol=1e-4, atol=1e-5)


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paradigm": "supcon", "sampler": "pairs"}, "sampler 'pairs' does not feed"),
        ({"paradigm": "contrastive", "comparer": "sigmoid"}, "'contrastive' has none"),
        (
            {"paradigm": "supcon", "sampler": "identities", "margin": 0.5},
            "margin is 0.5, and paradigm 'supcon' has none",
        ),
        ({"epochs": 0}, "epochs is 0, and network 'residual' is fitted here; give 1 at least"),
        ({"epoch": 3}, "Extra inputs"),
        ({"augmentation": {"cutout_size": (0.5, 0.2)}}, "cutout_size"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**changes)


def test_each_paradigm_has_the_margin_of_its_paper_unless_another_is_given():
    margins = {
        name: TrainingConfig(paradigm=name, sampler="identities").chosen_margin
        for name in ("contrastive", "triplet", "arcface", "cosface")
    }
    assert margins == {"contrastive": 1.0, "triplet": 0.2, "arcface": 0.5, "cosface": 0.35}
    assert TrainingConfig(margin=2).chosen_margin == 2.0
