"""Every file that a server or a cluster reads, against the schema it is read with."""

import re
from pathlib import Path

import kubernetes.client
import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

import serving.tf_serving

FOLDER = Path(serving.tf_serving.__file__).parent
TAG = re.compile(r"tensorflow/serving:\d+\.\d+\.\d+")
FIELD = descriptor_pb2.FieldDescriptorProto


def official_messages():
    """BatchingParameters and MonitoringConfig, field by field as TensorFlow Serving declares them
    (session_bundle_config.proto, monitoring_config.proto): its Python package leaves these two out.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name="schemas_for_test.proto", package="schemas_for_test", syntax="proto3"
    )
    needed = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(needed)
    file.dependency.append(needed.name)
    wrapped = ".google.protobuf.Int64Value"
    fields = {
        "BatchingParameters": [
            ("max_batch_size", 1, FIELD.TYPE_MESSAGE, wrapped),
            ("batch_timeout_micros", 2, FIELD.TYPE_MESSAGE, wrapped),
            ("max_enqueued_batches", 3, FIELD.TYPE_MESSAGE, wrapped),
            ("num_batch_threads", 4, FIELD.TYPE_MESSAGE, wrapped),
            ("thread_pool_name", 5, FIELD.TYPE_MESSAGE, ".google.protobuf.StringValue"),
            ("pad_variable_length_inputs", 7, FIELD.TYPE_BOOL, ""),
        ],
        "PrometheusConfig": [
            ("enable", 1, FIELD.TYPE_BOOL, ""),
            ("path", 2, FIELD.TYPE_STRING, ""),
        ],
        "MonitoringConfig": [
            ("prometheus_config", 1, FIELD.TYPE_MESSAGE, ".schemas_for_test.PrometheusConfig"),
        ],
    }
    for name, members in fields.items():
        message = file.message_type.add(name=name)
        for field, number, kind, type_name in members:
            message.field.add(
                name=field,
                number=number,
                type=kind,
                type_name=type_name or None,
                label=FIELD.LABEL_OPTIONAL,
            )
    made = message_factory.GetMessages([needed, file])
    return {name: made[f"schemas_for_test.{name}"] for name in fields}


MESSAGES = official_messages()


def parsed(name, message):
    return text_format.Parse((FOLDER / name).read_text(), message)


def test_models_config_serves_the_two_newest_versions():
    model = parsed("models.config", ModelServerConfig()).model_config_list.config[0]
    assert model.name == "faceauth"
    assert model.model_version_policy.latest.num_versions == 2


def test_batching_parameters_are_known_and_sensible():
    batching = parsed("batching_parameters.txt", MESSAGES["BatchingParameters"]())
    assert batching.max_batch_size.value >= 1
    assert batching.max_enqueued_batches.value >= 1
    assert batching.num_batch_threads.value >= 1
    assert 0 < batching.batch_timeout_micros.value < 100_000


def test_monitoring_is_where_the_local_server_has_it():
    from serving.local_server.rest import METRICS_PATH

    monitoring = parsed("monitoring.config", MESSAGES["MonitoringConfig"]())
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == METRICS_PATH


def test_a_misspelt_field_would_be_found():
    for message in (ModelServerConfig(), *(make() for make in MESSAGES.values())):
        with pytest.raises(text_format.ParseError):
            text_format.Parse("max_bach_size { value: 1 }", message)


# Kubernetes: the models of the official client know every field, its type and which are required.

PRIMITIVES = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def check(kind, value, where):
    """Fails unless ``value`` is a ``kind`` of the Kubernetes API."""
    if kind == "object":
        return value
    if kind in PRIMITIVES:
        # To Python, True is also an int.
        fits = isinstance(value, PRIMITIVES[kind]) and isinstance(value, bool) is (kind == "bool")
        assert fits, f"{where}: not a {kind}"
        return value
    many = re.fullmatch(r"list\[(.+)\]", kind)
    if many:
        assert isinstance(value, list), f"{where}: not a list"
        return [check(many[1], item, f"{where}[{at}]") for at, item in enumerate(value)]
    mapping = re.fullmatch(r"dict\(str, (.+)\)", kind)
    if mapping:
        assert isinstance(value, dict), f"{where}: not a mapping"
        return {key: check(mapping[1], item, f"{where}.{key}") for key, item in value.items()}
    model = getattr(kubernetes.client, kind)
    names = {json: python for python, json in model.attribute_map.items()}
    assert isinstance(value, dict), f"{where}: not a mapping"
    unknown = set(value) - set(names)
    assert not unknown, f"{where}: {kind} has no {unknown}"
    arguments = {
        names[key]: check(model.openapi_types[names[key]], item, f"{where}.{key}")
        for key, item in value.items()
    }
    return model(**arguments)  # raises ValueError when a required field is missing


KINDS = {
    ("v1", "Namespace"): "V1Namespace",
    ("v1", "PersistentVolumeClaim"): "V1PersistentVolumeClaim",
    ("v1", "Service"): "V1Service",
    ("apps/v1", "Deployment"): "V1Deployment",
    ("policy/v1", "PodDisruptionBudget"): "V1PodDisruptionBudget",
    ("networking.k8s.io/v1", "NetworkPolicy"): "V1NetworkPolicy",
}
MANIFESTS = {
    content["kind"]: content
    for file in sorted((FOLDER / "kubernetes").glob("*.yaml"))
    for content in yaml.safe_load_all(file.read_text())
}


@pytest.mark.parametrize("kind", sorted(MANIFESTS))
def test_manifests_are_of_the_kubernetes_api(kind):
    content = MANIFESTS[kind]
    check(KINDS[content["apiVersion"], kind], content, kind)


def test_a_wrong_manifest_would_be_found():
    for wrong in (
        {"spec": {"replica": 1}},
        {"spec": {"replicas": "two"}},
        {"spec": {"replicas": 2}},
    ):
        with pytest.raises((AssertionError, ValueError)):
            check("V1Deployment", wrong, "Deployment")


def test_every_manifest_is_in_the_kustomization():
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    files = {f"kubernetes/{file.name}" for file in (FOLDER / "kubernetes").glob("*.yaml")}
    assert set(listed["resources"]) == files
    for generated in listed["configMapGenerator"]:
        for name in generated["files"]:
            assert (FOLDER / name).is_file()
    volumes = MANIFESTS["Deployment"]["spec"]["template"]["spec"]["volumes"]
    names = {one["configMap"]["name"] for one in volumes if "configMap" in one}
    assert names == {one["name"] for one in listed["configMapGenerator"]}


def test_the_pod_has_no_root_and_no_way_to_write():
    pod = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    mounts = {one["name"]: one for one in container["volumeMounts"]}
    assert mounts["models"]["readOnly"] is True
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert probe in container


def test_selectors_and_ports_fit_together():
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    assert MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    container = MANIFESTS["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert ports == {"grpc": 8500, "http": 8501}
    assert {one["targetPort"] for one in MANIFESTS["Service"]["spec"]["ports"]} == set(ports)


def test_compose_and_kubernetes_start_the_same_server_the_same_way():
    compose = yaml.safe_load((FOLDER / "docker-compose.yaml").read_text())["services"]["faceauth"]
    container = MANIFESTS["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert compose["image"] == container["image"]
    assert TAG.fullmatch(compose["image"])
    assert compose["entrypoint"] == container["command"]
    assert compose["command"] == container["args"]


def test_compose_has_no_root_no_way_to_write_and_is_local():
    compose = yaml.safe_load((FOLDER / "docker-compose.yaml").read_text())["services"]["faceauth"]
    assert compose["user"].split(":")[0] not in ("0", "root")
    assert compose["read_only"] is True
    assert compose["cap_drop"] == ["ALL"]
    assert all(volume.endswith(":ro") for volume in compose["volumes"])
    assert all(port.startswith("127.0.0.1:") for port in compose["ports"])
    assert compose["healthcheck"]["test"][0] == "CMD"
    assert set(compose["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


def test_the_health_check_of_compose_finds_the_local_server_healthy(toy_server):
    import subprocess

    compose = yaml.safe_load((FOLDER / "docker-compose.yaml").read_text())["services"]["faceauth"]
    command = [
        one.replace("8501", str(toy_server.rest_port)) for one in compose["healthcheck"]["test"][1:]
    ]
    assert subprocess.run(command, timeout=30, check=False).returncode == 0
    other = [one.replace("models/faceauth", "models/other") for one in command]
    assert subprocess.run(other, timeout=30, check=False).returncode != 0
