"""What every server of the model must do, whichever it is.

Runs against the local server always, and against a TensorFlow Serving where the environment names
one: TF_SERVING_URL (http://host:8501) and TF_SERVING_GRPC (grpc://host:8500). Its model is called
TF_SERVING_MODEL, by default faceauth.
"""

import asyncio
import os

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from serving.client import AsyncClient, Client, Endpoint, InvalidRequestError, NotFoundError

VARIABLES = {"tf-serving-rest": "TF_SERVING_URL", "tf-serving-grpc": "TF_SERVING_GRPC"}
KINDS = ("local-rest", "local-grpc", *(kind for kind in VARIABLES if VARIABLES[kind] in os.environ))


@pytest.fixture(params=KINDS)
def endpoint(request):
    if request.param in VARIABLES:
        url = os.environ[VARIABLES[request.param]]
        return Endpoint(url, model=os.environ.get("TF_SERVING_MODEL", "faceauth"))
    server = request.getfixturevalue("toy_server")
    local = request.param == "local-rest"
    return Endpoint(server.rest_url if local else f"grpc://{server.grpc_target}")


def test_a_tensorflow_serving_is_tested_too():
    missing = [name for name in VARIABLES.values() if name not in os.environ]
    if missing:
        pytest.skip(f"{' and '.join(missing)} name no TensorFlow Serving to test")
    assert len(KINDS) == 4


@pytest.fixture
def client(endpoint):
    with Client(endpoint) as client:
        yield client


def raw(endpoint, signature, inputs):
    """Sends arrays as they are; returns the status code's name."""
    if not endpoint.is_grpc:
        url = f"{endpoint.url}/{endpoint.model_path}:predict"
        columns = {
            name: [{"b64": _base64(one)} for one in array.ravel()]
            if array.dtype == object
            else array.tolist()
            for name, array in inputs.items()
        }
        import json

        body = json.dumps({"signature_name": signature, "inputs": columns})
        return httpx.post(url, content=body, timeout=30).status_code
    message = PredictRequest()
    message.model_spec.name = endpoint.model
    message.model_spec.signature_name = signature
    for name, array in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    with grpc.insecure_channel(endpoint.target) as channel:
        try:
            PredictionServiceStub(channel).Predict(message, timeout=30)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"


def _base64(content):
    import base64

    return base64.b64encode(content).decode()


def strings(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def test_the_three_signatures_agree(client, png, jpeg):
    a = [png(1), png(2), jpeg(3), png(4, side=40)]
    b = [png(1), jpeg(5), png(6), png(4, side=40)]
    embedding_a, embedding_b = client.embed(a), client.embed(b)
    assert embedding_a.shape == embedding_b.shape
    assert embedding_a.dtype == np.float32
    verified = client.verify_many(a, b)
    compared = client.compare(embedding_a, embedding_b)
    for one, other in zip(verified, compared, strict=True):
        assert one.distance == pytest.approx(other.distance, abs=1e-6)
        assert one.score == pytest.approx(other.score, abs=1e-6)
        assert one.same is other.same
        assert 0 <= one.score <= 1
        assert one.same is (one.score >= 0.5)


def test_an_image_is_the_same_as_itself_and_order_does_not_matter(client, png):
    itself = client.verify(png(1), png(1))
    assert itself.same
    assert itself.distance == pytest.approx(0, abs=1e-3)
    there, back = client.verify(png(1), png(2)), client.verify(png(2), png(1))
    assert there.distance == pytest.approx(back.distance, abs=1e-6)
    assert there.score <= itself.score


def test_a_row_does_not_depend_on_its_batch(client, png):
    images = [png(seed) for seed in range(5)]
    together = client.embed(images)
    alone = np.concatenate([client.embed([one]) for one in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_async_client_answers_the_same(endpoint, client, png):
    async def ask():
        async with AsyncClient(endpoint) as asynchronous:
            return (
                await asynchronous.verify(png(1), png(2)),
                await asynchronous.embed([png(1)]),
                await asynchronous.version(),
            )

    comparison, embedding, version = asyncio.run(ask())
    assert comparison.distance == pytest.approx(client.verify(png(1), png(2)).distance, abs=1e-6)
    np.testing.assert_allclose(embedding, client.embed([png(1)]), atol=1e-6)
    assert version == client.version()


def test_a_pinned_client_names_its_version(client, png):
    with client.pinned() as pinned:
        assert pinned.endpoint.version == client.version()
        np.testing.assert_allclose(pinned.embed([png(1)]), client.embed([png(1)]), atol=1e-6)


def test_the_metadata_show_the_contract(endpoint):
    if endpoint.is_grpc:
        message = GetModelMetadataRequest(metadata_field=["signature_def"])
        message.model_spec.name = endpoint.model
        with grpc.insecure_channel(endpoint.target) as channel:
            answer = PredictionServiceStub(channel).GetModelMetadata(message, timeout=30)
        found = SignatureDefMap()
        assert answer.metadata["signature_def"].Unpack(found)
        signatures = {
            name: (set(one.inputs), set(one.outputs)) for name, one in found.signature_def.items()
        }
    else:
        answer = httpx.get(f"{endpoint.url}/{endpoint.model_path}/metadata").json()
        assert answer["model_spec"]["name"] == endpoint.model
        signatures = {
            name: (set(one["inputs"]), set(one["outputs"]))
            for name, one in answer["metadata"]["signature_def"]["signature_def"].items()
        }
    decision = {"distance", "score", "same"}
    assert signatures["embed"] == ({"image"}, {"embedding"})
    assert signatures["compare"] == ({"embedding_a", "embedding_b"}, decision)
    assert signatures["serving_default"] == ({"image_a", "image_b"}, decision)


def cut(content):
    return content[: len(content) // 2]


BAD = {
    "not an image": lambda png, jpeg: ("embed", {"image": strings(b"hello")}),
    "zero bytes": lambda png, jpeg: ("embed", {"image": strings(b"")}),
    "a truncated PNG": lambda png, jpeg: ("embed", {"image": strings(cut(png(1)))}),
    "a truncated JPEG": lambda png, jpeg: ("embed", {"image": strings(cut(jpeg(1)))}),
    "a bad one among good ones": lambda png, jpeg: (
        "embed",
        {"image": strings(png(1), b"hello", png(2))},
    ),
    "a missing input": lambda png, jpeg: ("serving_default", {"image_a": strings(png(1))}),
    "an unknown input": lambda png, jpeg: ("embed", {"picture": strings(png(1))}),
    "numbers for images": lambda png, jpeg: ("embed", {"image": np.ones(1, np.float32)}),
    "strings for embeddings": lambda png, jpeg: (
        "compare",
        {"embedding_a": strings(b"x"), "embedding_b": strings(b"x")},
    ),
    "embeddings of another size": lambda png, jpeg: (
        "compare",
        {"embedding_a": np.ones((1, 3), np.float32), "embedding_b": np.ones((1, 3), np.float32)},
    ),
    "unequal rows": lambda png, jpeg: (
        "serving_default",
        {"image_a": strings(png(1), png(2)), "image_b": strings(png(1))},
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_an_invalid_argument_and_harms_nothing(endpoint, client, png, jpeg, case):
    signature, inputs = BAD[case](png, jpeg)
    before = client.embed([png(1)])
    expected = "INVALID_ARGUMENT" if endpoint.is_grpc else 400
    assert raw(endpoint, signature, inputs) == expected
    np.testing.assert_allclose(client.embed([png(1)]), before, atol=1e-6)


def test_an_embedding_that_is_not_a_number_is_refused(endpoint, client, png):
    embedding = client.embed([png(1)])
    broken = embedding.copy()
    broken[0, 0] = np.nan
    inputs = {"embedding_a": embedding, "embedding_b": broken}
    assert raw(endpoint, "compare", inputs) == ("INVALID_ARGUMENT" if endpoint.is_grpc else 400)
    with pytest.raises(ValueError, match="embedding 0 holds NaN"):
        client.compare(embedding, broken)
    assert client.compare(embedding, embedding)[0].same


def test_an_unknown_signature_is_refused(endpoint, png):
    expected = "FAILED_PRECONDITION" if endpoint.is_grpc else 400
    assert raw(endpoint, "no_such", {"image": strings(png(1))}) == expected


def test_an_unknown_model_version_or_label_is_said(endpoint, png):
    from dataclasses import replace

    for other in (replace(endpoint, model="no-such"), replace(endpoint, version=999_999)):
        with Client(other) as client, pytest.raises(NotFoundError, match="faceauth status"):
            client.embed([png(1)])
    with (
        Client(replace(endpoint, label="no-such")) as client,
        pytest.raises(InvalidRequestError, match="label"),
    ):
        client.embed([png(1)])


def test_served_scores_are_the_saved_models(endpoint, client, toy_base, toy_model, png, request):
    if "tf-serving" in request.node.name:
        pytest.skip("what a TensorFlow Serving elsewhere has loaded is not known here")
    a = [png(seed) for seed in range(6)]
    b = [png(seed) for seed in (0, 11, 2, 13, 14, 15)]
    model = tf.saved_model.load(str(toy_base / "1"))
    inside = model.signatures["serving_default"](image_a=tf.constant(a), image_b=tf.constant(b))
    served = client.verify_many(a, b)
    scores = [one.score for one in served]
    np.testing.assert_allclose(scores, inside["score"].numpy(), atol=1e-6, rtol=0)
    assert [one.same for one in served] == inside["same"].numpy().tolist()
    # And both are what NumPy computes.
    distance = toy_model.distance(a, b)
    np.testing.assert_allclose([one.distance for one in served], distance, atol=1e-5)
    np.testing.assert_allclose(scores, toy_model.score(distance), atol=1e-4)
    assert [one.same for one in served] == [True, False, True, False, False, False]
