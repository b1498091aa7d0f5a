"""Versions, labels, metrics, health and reload, through a server's ports."""

import shutil
import threading
import time

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from serving.client import Client, Endpoint
from serving.local_server.options import Batching, Options
from serving.local_server.server import read_config, running


def grpc_embed(target, images, version=None, label=None, timeout=30):
    request = PredictRequest()
    request.model_spec.name = "faceauth"
    request.model_spec.signature_name = "embed"
    if version is not None:
        request.model_spec.version.value = version
    if label is not None:
        request.model_spec.version_label = label
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(np.array(images, dtype=object)))
    with grpc.insecure_channel(target) as channel:
        return PredictionServiceStub(channel).Predict(request, timeout=timeout)


def health(target, service=""):
    with grpc.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30).status


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the condition did not come true")
        time.sleep(0.05)


def status_of(server):
    answer = httpx.get(f"{server.rest_url}/v1/models/faceauth").json()
    return {one["version"]: one["state"] for one in answer["model_version_status"]}


def write_config(path, base, latest=2, labels=None):
    lines = [f'    version_labels {{ key: "{k}" value: {v} }}' for k, v in (labels or {}).items()]
    path.write_text(
        f'model_config_list {{\n  config {{\n    name: "faceauth"\n    base_path: "{base}"\n'
        f"    model_version_policy {{ latest {{ num_versions: {latest} }} }}\n"
        + "\n".join(lines)
        + "\n  }\n}\n"
    )


def test_a_swap_under_load_loses_nothing_and_a_broken_version_changes_nothing(
    toy_model, toy_base, tmp_path, png
):
    base = tmp_path / "faceauth"
    shutil.copytree(toy_base, base)
    images = [png(1), png(2)]
    expected = {version: toy_model.embed(images, version) for version in (1, 2)}
    answers, errors = [], []
    stop = threading.Event()

    def load(server):
        while not stop.is_set():
            try:
                response = grpc_embed(server.grpc_target, images)
                embedding = tf.make_ndarray(response.outputs["embedding"])
                answers.append((response.model_spec.version.value, embedding))
            except grpc.RpcError as error:
                errors.append(error)

    options = Options(model_base_path=str(base), rest_port=0, grpc_port=0, poll_seconds=0.05)
    with running(options) as server:
        clients = [threading.Thread(target=load, args=(server,)) for _ in range(2)]
        for client in clients:
            client.start()
        wait_until(lambda: len(answers) > 5)
        toy_model.export(base, 2)
        wait_until(lambda: status_of(server) == {"2": "AVAILABLE", "1": "END"})
        (base / "pushing-3").mkdir()
        (base / "pushing-3" / "saved_model.pb").write_bytes(b"broken")
        (base / "pushing-3").rename(base / "3")
        wait_until(lambda: "3" in status_of(server) and status_of(server)["3"] == "END")
        seen = len(answers)
        wait_until(lambda: len(answers) > seen + 5)
        stop.set()
        for client in clients:
            client.join()
        assert status_of(server) == {"3": "END", "2": "AVAILABLE", "1": "END"}
    assert errors == []
    versions = [version for version, _ in answers]
    assert set(versions) == {1, 2}
    assert versions[-1] == 2
    for version, embedding in answers:
        np.testing.assert_allclose(embedding, expected[version], atol=1e-5)


def test_labels_and_versions_over_both_apis(toy_model, toy_base, tmp_path, png):
    base = tmp_path / "faceauth"
    shutil.copytree(toy_base, base)
    toy_model.export(base, 2)
    config = tmp_path / "models.config"
    write_config(config, base, labels={"stable": 1, "canary": 2})
    options = Options(model_config_file=str(config), rest_port=0, grpc_port=0, poll_seconds=0.05)
    with running(options) as server:
        target = server.grpc_target
        assert grpc_embed(target, [png(1)]).model_spec.version.value == 2
        assert grpc_embed(target, [png(1)], version=1).model_spec.version.value == 1
        assert grpc_embed(target, [png(1)], label="stable").model_spec.version.value == 1
        with pytest.raises(grpc.RpcError) as caught:
            grpc_embed(target, [png(1)], version=9)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        with pytest.raises(grpc.RpcError) as caught:
            grpc_embed(target, [png(1)], label="none")
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

        body = {"signature_name": "embed", "instances": [{"b64": _b64(png(1))}]}
        for path, version in (("labels/stable", 1), ("labels/canary", 2), ("versions/1", 1)):
            url = f"{server.rest_url}/v1/models/faceauth/{path}"
            embedding = httpx.post(f"{url}:predict", json=body).json()["predictions"]
            np.testing.assert_allclose(embedding, toy_model.embed([png(1)], version), atol=1e-5)
            status = httpx.get(url).json()["model_version_status"]
            assert [one["version"] for one in status] == [str(version)]
        assert (
            httpx.post(
                f"{server.rest_url}/v1/models/faceauth/versions/9:predict", json=body
            ).status_code
            == 404
        )

        # A rollback is one changed line; the running server takes it up.
        write_config(config, base, labels={"stable": 1, "canary": 1})
        wait_until(
            lambda: grpc_embed(target, [png(1)], label="canary").model_spec.version.value == 1
        )
        # A config that is none changes nothing.
        config.write_text("model_config_list { nonsense }")
        time.sleep(0.3)
        assert grpc_embed(target, [png(1)], label="stable").model_spec.version.value == 1


def _b64(content):
    import base64

    return base64.b64encode(content).decode()


def test_reload_over_grpc(toy_model, toy_base, tmp_path, png):
    base = tmp_path / "faceauth"
    shutil.copytree(toy_base, base)
    toy_model.export(base, 2)
    file = tmp_path / "models.config"
    write_config(file, base, labels={"stable": 1, "canary": 2})
    options = Options(model_base_path=str(base), rest_port=0, grpc_port=0, poll_seconds=60)
    with running(options) as server, grpc.insecure_channel(server.grpc_target) as channel:
        stub = ModelServiceStub(channel)
        reply = stub.HandleReloadConfigRequest(
            ReloadConfigRequest(config=read_config(file)), timeout=60
        )
        assert reply.status.error_code == 0
        # The answer comes when the models are loaded, so the label works at once.
        response = grpc_embed(server.grpc_target, [png(1)], label="stable")
        assert response.model_spec.version.value == 1
        status = stub.GetModelStatus(
            GetModelStatusRequest(model_spec={"name": "faceauth"}), timeout=30
        )
        assert [(one.version, one.state) for one in status.model_version_status] == [
            (2, ModelVersionStatus.AVAILABLE),
            (1, ModelVersionStatus.AVAILABLE),
        ]
        write_config(file, base, labels={"stable": 7})
        with pytest.raises(grpc.RpcError) as caught:
            stub.HandleReloadConfigRequest(
                ReloadConfigRequest(config=read_config(file)), timeout=60
            )
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert grpc_embed(server.grpc_target, [png(1)], label="canary") is not None
        with pytest.raises(grpc.RpcError) as caught:
            stub.HandleReloadConfigRequest(ReloadConfigRequest(), timeout=60)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_health_follows_the_model(toy_base, tmp_path):
    base = tmp_path / "faceauth"
    base.mkdir()
    options = Options(model_base_path=str(base), rest_port=0, grpc_port=0, poll_seconds=0.05)
    serving = health_pb2.HealthCheckResponse.ServingStatus
    with running(options) as server:
        assert health(server.grpc_target) == serving.NOT_SERVING
        assert httpx.get(f"{server.rest_url}/v1/models/faceauth").status_code == 404
        shutil.copytree(toy_base / "1", tmp_path / "1")
        (tmp_path / "1").rename(base / "1")
        wait_until(lambda: health(server.grpc_target) == serving.SERVING)
        name = "tensorflow.serving.PredictionService"
        assert health(server.grpc_target, name) == serving.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            health(server.grpc_target, "no.such.Service")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_full_queue_is_said_in_both_apis_and_answers_go_on(toy_base, png):
    batching = Batching(max_batch_size=2, max_enqueued_rows=2)
    options = Options(model_base_path=str(toy_base), rest_port=0, grpc_port=0, batching=batching)
    with running(options) as server:
        with pytest.raises(grpc.RpcError) as caught:
            grpc_embed(server.grpc_target, [png(1)] * 3)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        body = {"signature_name": "embed", "instances": [{"b64": _b64(png(1))}] * 3}
        url = f"{server.rest_url}/v1/models/faceauth:predict"
        answer = httpx.post(url, json=body)
        assert answer.status_code == 429
        assert "3 rows, and 2 may wait; send fewer" in answer.json()["error"]
        body["instances"] = body["instances"][:2]
        assert httpx.post(url, json=body).status_code == 200


@pytest.mark.parametrize("api", ["rest", "grpc"])
def test_513_comparisons_and_photos_of_3_mb_are_answered(face_server, png, api):
    server = {"rest": face_server.rest_url, "grpc": f"grpc://{face_server.grpc_target}"}[api]
    photos = [png(seed) + bytes(3 * 2**20) for seed in range(24)]  # 72 MB, and PNGs end before
    with Client(Endpoint(server)) as client:
        embeddings = client.embed(photos)
        assert len(embeddings) == 24
        many = np.repeat(embeddings, 22, axis=0)[:513]
        assert len(client.compare(many, many)) == 513


def test_metrics_have_tensorflow_servings_names(toy_base, png):
    options = Options(model_base_path=str(toy_base), rest_port=0, grpc_port=0)
    with running(options) as server:
        grpc_embed(server.grpc_target, [png(1)] * 3)
        httpx.post(f"{server.rest_url}/v1/models/faceauth:predict", json={"inputs": 3})
        httpx.post(f"{server.rest_url}/v1/models/made-up:predict", json={"inputs": 3})
        answer = httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"].startswith("text/plain")
    assert ':tensorflow:serving:request_count{model_name="faceauth",status="OK"} 1.0' in lines
    assert (
        ':tensorflow:serving:request_count{model_name="faceauth",status="INVALID_ARGUMENT"} 1.0'
        in lines
    )
    assert ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 1.0' in lines
    assert (
        ':tensorflow:serving:batching_session:processed_batch_size_sum{model_name="faceauth"} 3.0'
        in lines
    )
    assert ':tensorflow:serving:available_versions{model_name="faceauth"} 1.0' in lines
    assert any("request_latency_bucket" in line and 'entrypoint="GRPC"' in line for line in lines)


def test_a_taken_port_is_named(toy_base, toy_server):
    for flag, port in (("rest_port", toy_server.rest_port), ("grpc_port", toy_server.grpc_port)):
        ports = {"rest_port": 0, "grpc_port": 0, flag: port}
        options = Options(model_base_path=str(toy_base), **ports)
        with pytest.raises(OSError, match=f"{port}.*--{flag}"), running(options):
            pass
