"""The component's executor with the server as it is served, in a process of its own."""

import json
import shutil
from pathlib import Path

import pytest
from tfx.components.util import model_utils
from tfx.types import standard_artifacts

from components.serving_check.candidate import ServerError
from components.serving_check.config import ServingCheckConfig
from components.serving_check.executor import Executor


@pytest.fixture
def check(chain, tmp_path):
    def run(model=None, blessed=1, **options):
        model_blessing = standard_artifacts.ModelBlessing()
        model_blessing.set_int_custom_property("blessed", blessed)
        blessing = standard_artifacts.InfraBlessing()
        blessing.uri = str(tmp_path / "blessing")
        Executor().Do(
            {
                "model": [model or chain.model],
                "model_blessing": [model_blessing],
                "images": [chain.images],
                "scored_pairs": [chain.scored_pairs],
            },
            {"blessing": [blessing]},
            {
                "model_name": "faceauth",
                "check": ServingCheckConfig(**options).model_dump_json(),
            },
        )
        folder = Path(blessing.uri)
        found = json.loads((folder / "serving_check.json").read_text())
        files = {path.name for path in folder.iterdir()} - {"serving_check.json"}
        return found, files, blessing

    return run


def test_a_model_that_serves_as_it_was_trained_is_blessed(check):
    found, files, blessing = check()
    assert found["reasons"] == []
    assert found["passed"] is True
    assert (found["measured"]["warmup_requests"], found["measured"]["pairs"]) == (9, 6)
    assert files == {"INFRA_BLESSED", "server.log"}
    # By TFX's own function, which its Pusher calls.
    assert model_utils.is_infra_validated(blessing)


def test_one_that_does_not_load_is_not(check, chain, tmp_path):
    broken = standard_artifacts.Model()
    broken.uri = str(tmp_path / "broken")
    saved = tmp_path / "broken" / "Format-Serving"
    shutil.copytree(chain.saved_model, saved)
    requests = saved / "assets.extra" / "tf_serving_warmup_requests"
    requests.write_bytes(requests.read_bytes()[:-3])
    found, files, blessing = check(model=broken)
    [reason] = found["reasons"]
    assert reason.startswith("it does not load: ")
    assert "tf_serving_warmup_requests is damaged" in reason
    assert files == {"INFRA_NOT_BLESSED", "server.log"}
    assert not model_utils.is_infra_validated(blessing)


def test_one_that_the_evaluation_refused_is_not_tried(check):
    found, files, blessing = check(blessed=0, command=("false", "{base}", "{grpc_port}"))
    assert found["reasons"] == ["the evaluation did not bless it, so it was not tried"]
    assert files == {"INFRA_NOT_BLESSED"}
    assert not model_utils.is_infra_validated(blessing)


def test_a_server_that_cannot_be_started_says_nothing_about_the_model(check):
    message = r"(?s)program cannot be started.*load_timeout_s.*serving\.check to none"
    with pytest.raises(ServerError, match=message):
        check(command=("/no/such/program", "{base}", "{grpc_port}"))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("server", "{base}"), r"server /tmp/models has no \{grpc_port\}; add it"),
        (("server", "{grpc_port}"), r"has no \{base\}"),
        (("server", "{base}", "{grpc_port}", "{rest}"), "'rest' cannot be filled in; use"),
        ((), "it has no"),
    ],
)
def test_a_command_that_cannot_serve_is_refused(command, message):
    with pytest.raises(ValueError, match=message):
        ServingCheckConfig(command=command)
