"""What a served model is asked; the server is the real one, in this process."""

import dataclasses
import shutil

import numpy as np
import pytest

from components.serving_check.candidate import ServedCandidate
from components.serving_check.checks import check_samples, check_warmup
from components.serving_check.result import Result
from components.serving_check.samples import read_samples
from components.trainer.export import warmup
from serving.local_server.options import Options
from serving.local_server.server import running


@pytest.fixture(scope="module")
def samples(chain):
    return read_samples(chain.files("scored_pairs"), chain.files("images"), 6)


@pytest.fixture(scope="module")
def predict(chain, tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    shutil.copytree(chain.saved_model, base / "1")
    options = Options(model_base_path=str(base), model_name="toy", rest_port=0, grpc_port=0)
    with running(options) as server:
        candidate = ServedCandidate(server.grpc_port, "toy", 30)
        yield candidate.predict
        candidate.close()


def test_pairs_are_taken_from_the_nearest_to_the_farthest(chain, samples):
    # sqrt(3) * 51/255, 102/255, 153/255, 1 and sqrt(3), in this order but the first.
    np.testing.assert_allclose(samples.distances, [0, 3**0.5 / 5, 0.4, 0.6, 1, 3**0.5], rtol=1e-6)
    assert samples.ids_b == ["red.png", "grey.png", "dim.png", "dim.png", "red.png", "white.png"]
    np.testing.assert_allclose(samples.scores[3], 1 / (1 + np.exp(8 * 0.1)), rtol=1e-6)
    assert len(samples.images) == 5
    few = read_samples(chain.files("scored_pairs"), chain.files("images"), 2)
    assert few.ids_b == ["red.png", "white.png"]
    assert few.images.keys() == {"black.png", "red.png", "white.png"}
    more = read_samples(chain.files("scored_pairs"), chain.files("images"), 600)
    assert more.ids_a == samples.ids_a


def test_without_pairs_or_images_it_is_said(chain):
    with pytest.raises(ValueError, match="no scored pair"):
        read_samples([], chain.files("images"), 6)
    with pytest.raises(ValueError, match=r"not among the images, 'black\.png' first"):
        read_samples(chain.files("scored_pairs"), [], 6)


def test_a_model_that_answers_as_when_trained_passes(predict, samples):
    result = Result()
    check_samples(predict, samples, 1e-5, result)
    assert result.reasons == []
    assert result.measured.pop("pairs") == 6
    assert len(result.measured) == 4
    assert all(error <= 1e-6 for error in result.measured.values())


def test_one_number_that_differs_is_a_reason(predict, samples):
    result = Result()
    distances = samples.distances + np.float32([0, 0, 0, 3e-5, 0, 0])
    check_samples(predict, dataclasses.replace(samples, distances=distances), 1e-5, result)
    assert result.reasons == [
        f"{way}: distance 0.6 for red.png and dim.png, where the trained model gave 0.60003; "
        "1 of 6 pairs differ by more than 1e-05"
        for way in ("serving_default", "compare of embed")
    ]
    result = Result()
    scores = samples.scores + np.float32([0, 0, 0, 0, 0, 0.1])
    check_samples(predict, dataclasses.replace(samples, scores=scores), 1e-5, result)
    assert len(result.reasons) == 2
    assert all("score" in reason and "white.png" in reason for reason in result.reasons)


def test_a_number_that_is_none_is_a_reason(predict, samples):
    result = Result()
    distances = np.full_like(samples.distances, np.nan)
    check_samples(predict, dataclasses.replace(samples, distances=distances), 1e-5, result)
    assert len(result.reasons) == 2
    assert "6 of 6 pairs differ" in result.reasons[0]


def test_large_distances_may_differ_in_proportion(predict, samples):
    # 3e-5 beyond the square root of 3, which is 1.7e-5 of it.
    distances = samples.distances + np.float32([0, 0, 0, 0, 0, 3e-5])
    for tolerance, reasons in ((1e-5, 2), (2e-5, 0)):
        result = Result()
        check_samples(predict, dataclasses.replace(samples, distances=distances), tolerance, result)
        assert len(result.reasons) == reasons


def test_images_that_are_refused_are_a_reason(predict, samples):
    result = Result()
    images = dict.fromkeys(samples.images, b"no image")
    check_samples(predict, dataclasses.replace(samples, images=images), 1e-5, result)
    [reason] = result.reasons
    assert reason.startswith("6 test pairs are refused: INVALID_ARGUMENT")


def test_warm_up_requests_must_be_there_and_be_answered(predict, chain, tmp_path):
    result = Result()
    check_warmup(predict, chain.saved_model, result)
    assert (result.reasons, result.measured) == ([], {"warmup_requests": 9})

    check_warmup(predict, tmp_path, result := Result())
    assert result.measured == {"warmup_requests": 0}
    assert "carries no warm-up requests" in result.reasons[0]

    warmup.write_warmup_requests(tmp_path, 3, [b"no image"], batch_sizes=[2])
    check_warmup(predict, tmp_path, result := Result())
    assert [reason.partition(" is refused: ")[0] for reason in result.reasons] == [
        "warm-up request 0 (embed)",
        "warm-up request 2 (serving_default)",
    ]
