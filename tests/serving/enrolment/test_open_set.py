"""Whom a search ranks first, against every comparison there is; and when it accepts them."""

import io

import numpy as np
import pytest
from PIL import Image

from serving.client import Client, Endpoint, OperatingPoint
from serving.enrolment import Authenticator, EnrolmentError, TemplateCipher, TemplateStore, new_key
from serving.enrolment.open_set import acceptance

SIZE = 8


class Model:
    """Knows rates of a half, a quarter, an eighth ... at distances of 8, 7, ... 1."""

    def __init__(self, decision_fmr):
        self.decision_fmr = decision_fmr

    def operating_point(self, max_fmr):
        row = min(next(row for row in range(99) if 0.5 ** (row + 1) <= max_fmr), 7)
        return OperatingPoint(8.0 - row, 0.1 * row + 0.2, 0.5 ** (row + 1), self.decision_fmr)


def test_among_many_people_the_threshold_is_as_many_times_stricter():
    alone = acceptance(Model(0.25), 1, 0.25)
    # Never laxer than the model's own decision.
    assert (alone.score, alone.distance, alone.shown_fpir) == (0.5, 7.0, 0.25)
    found = acceptance(Model(0.25), 4, 0.25)
    assert (found.score, found.distance) == (pytest.approx(0.5), 5.0)
    assert (found.asked_fpir, found.shown_fpir, found.is_as_asked) == (0.25, 0.25, True)
    # By default, what the model gives a stranger in one verification.
    assert acceptance(Model(0.25), 4, None) == found
    assert found.accepts(0.5, 5.0)
    assert not found.accepts(0.49, 5.0)
    # Where scores are rounded to 1, the distance still tells.
    assert not found.accepts(1.0, 5.1)
    assert acceptance(Model(0.25), 4, 0.25, min_score=0.9).score == 0.9


def test_what_cannot_be_shown_gives_the_strictest_and_says_so():
    found = acceptance(Model(0.25), 64, 0.01)
    assert found.distance == 1.0
    assert (found.asked_fpir, found.shown_fpir) == (0.01, 64 / 256)
    assert not found.is_as_asked
    assert acceptance(Model(0.25), 1000, 0.01).shown_fpir == 1.0


def test_a_model_that_knows_no_rate_decides_by_its_own_threshold():
    class Earlier:
        def operating_point(self, max_fmr):
            return None

    class Undecided:
        def operating_point(self, max_fmr):
            return OperatingPoint(0.5, 0.5, 1.0, 1.0)

    for model in (Earlier(), Undecided()):
        found = acceptance(model, 100, None)
        assert (found.score, found.distance, found.shown_fpir) == (0.5, None, None)
        assert found.is_as_asked
        assert found.accepts(0.5, 99.0)
    with pytest.raises(EnrolmentError, match="train it again, or give min_score"):
        acceptance(Earlier(), 100, 0.01)
    found = acceptance(Undecided(), 100, 0.01)
    assert (found.shown_fpir, found.is_as_asked) == (None, False)
    for rate in (0.0, -1.0, 1.5):
        with pytest.raises(EnrolmentError, match="give a rate above 0"):
            acceptance(Undecided(), 100, rate)


def faces(people, photos, seed):
    """Embeddings ``[people, photos, SIZE]``: of various lengths, around a mean not 0."""
    random = np.random.default_rng(seed)
    means = random.normal(size=(people, 1, SIZE)) * [1, 1, 1, 0.7, 0.5, 0.5, 0.2, 0]
    drawn = means + 0.5 * random.normal(size=(people, photos, SIZE)) + 0.3
    return drawn.astype("<f4")


def photo(embedding):
    """A picture whose pixels are the bytes of an embedding."""
    buffer = io.BytesIO()
    Image.frombytes("L", (4, SIZE), embedding.tobytes()).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module", params=["euclidean", "cosine", "plda"])
def served(request, tmp_path_factory):
    """A server of a model whose images are embeddings, and the model."""
    import tensorflow as tf

    from components.trainer.comparison.comparisons import DistanceComparison, PldaComparison
    from components.trainer.comparison.plda import fit_plda
    from components.trainer.export.verifier import Verifier
    from serving.local_server.options import Options
    from serving.local_server.server import running

    if request.param == "plda":
        train = faces(200, 4, seed=1).reshape(-1, SIZE)
        comparison = PldaComparison(fit_plda(train, np.arange(800) // 4))
    else:
        comparison = DistanceComparison(request.param)

    def prepare(image):
        decoded = tf.TensorSpec((SIZE, 4, 1), tf.uint8)
        return tf.map_fn(
            lambda one: tf.reshape(tf.io.decode_png(one, channels=1), (SIZE, 4, 1)),
            image,
            fn_output_signature=decoded,
        )

    verifier = Verifier(
        prepare,
        lambda pixels: tf.bitcast(tf.reshape(pixels, (-1, SIZE, 4)), tf.float32),
        comparison,
        SIZE,
        tracked=[],
        threshold=0.5,
        slope=2.0,
    )
    verifier.fmr_distances.assign(np.linspace(0.1, 2, 65, dtype=np.float32))
    verifier.fmr_rates.assign(np.geomspace(1e-3, 1, 65).astype(np.float32))
    base = tmp_path_factory.mktemp("faceauth")
    tf.saved_model.save(verifier, str(base / "1"), signatures=verifier.signatures())
    with running(Options(model_base_path=str(base), rest_port=0, grpc_port=0)) as server:
        yield server, verifier


@pytest.mark.parametrize("over", ["rest", "grpc"])
def test_the_search_ranks_as_comparing_with_everybody_does(served, over, tmp_path):
    server, verifier = served
    url = server.rest_url if over == "rest" else f"grpc://{server.grpc_target}"
    store = TemplateStore(f"sqlite:///{tmp_path}/faceauth.db", TemplateCipher(new_key()))
    enrolled = {f"p{at}": its[: 1 + at % 3] for at, its in enumerate(faces(60, 3, seed=2))}
    with Client(Endpoint(url)) as client:
        assert client.search_space(SIZE) is not None
        authenticator = Authenticator(client, store)
        for identity, its in enrolled.items():
            authenticator.enroll(identity, [photo(one) for one in its])
        for embedding in faces(10, 1, seed=3):
            probe, expected = photo(embedding), {}
            for identity, its in enrolled.items():
                compared = verifier.compare(its, np.repeat(embedding, len(its), axis=0))
                expected[identity] = float(compared["score"].numpy().astype(np.float64).mean())
            ranking = sorted(expected, key=lambda identity: -expected[identity])
            found = authenticator.identify(probe, top=5)
            assert [one.identity for one in found.candidates] == ranking[:5]
            scores = [expected[identity] for identity in ranking[:5]]
            assert [one.score for one in found.candidates] == pytest.approx(scores, abs=1e-6)
            assert (found.people, found.searched) == (60, 120)
            needed = authenticator.identify(probe, max_fpir=1.0).acceptance
            assert needed.shown_fpir <= 1.0 < needed.shown_fpir * 1000 ** (1 / 64)
            assert not authenticator.identify(probe, max_fpir=1e-3).acceptance.is_as_asked
            few = authenticator.identify(probe, top=5, min_score=expected[ranking[2]] - 1e-6)
            assert [one.identity for one in few.candidates] == ranking[:3]
        with pytest.raises(EnrolmentError, match="top is 0"):
            authenticator.identify(probe, top=0)
        with pytest.raises(EnrolmentError, match="min_score is 2"):
            authenticator.identify(probe, min_score=2)
    store.close()


def test_the_async_client_asks_the_same(served):
    import asyncio

    from serving.client import AsyncClient

    server, _ = served

    async def both():
        async with AsyncClient(Endpoint(server.rest_url)) as client:
            return await client.operating_point(0.01), await client.search_space(SIZE)

    point, space = asyncio.run(both())
    with Client(Endpoint(server.rest_url)) as client:
        assert client.operating_point(0.01) == point
        expected = client.search_space(SIZE)
    assert space.unit_length == expected.unit_length
    np.testing.assert_array_equal(space.weight, expected.weight)
