"""SIGKILL in the middle of each component and between any two: the same comes out in the end."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from test_chain import DATA, FACEAUTH, MODEL, Chain

from pipeline.launcher.records import last_run
from serving.file_digests import file_digests

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a process and all that it started, at once."""
    parent = psutil.Process(process.pid)
    for each in [parent, *parent.children(recursive=True)]:
        each.kill()
    process.wait()


def run_until(chain: Chain, line: str, delay_s: float) -> bool:
    """Runs until a line is on the screen and then kills; whether it came before the end."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FACEAUTH")}
    process = subprocess.Popen(
        [*FACEAUTH, "run", "--config", chain.path],
        env=inherited,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for said in process.stdout:
        if said.startswith(line):
            time.sleep(delay_s)
            kill(process)
            return True
    assert process.wait() == 0
    return False


def numbers(model: str | Path) -> dict[str, bytes]:
    """The numeric variables of a SavedModel."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(f"{model}/variables/variables")
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {
        name: value.tobytes()
        for name, value in values.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu"
    }


def outputs(chain: Chain) -> dict[str, Any]:
    """Digests of the records of the last run, and the weights of its model."""
    record = last_run(chain.config.metadata_path)
    assert record is not None
    assert not record.unfinished
    found: dict[str, Any] = {}
    for execution in record.executions:
        for artifact in execution.outputs:
            if artifact.type_name in ("Examples", "CalibrationPairs"):
                folder = Path(artifact.uri)
                found[f"{execution.node}/{folder.parent.name}"] = file_digests(folder)
    model = record.artifact("Model")
    assert model is not None
    return found | numbers(f"{model.uri}/Format-Serving")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    chain = Chain(tmp_path_factory.mktemp("whole"))
    chain.run("local")
    return outputs(chain)


def test_killed_in_and_behind_every_component(
    whole: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    chain = Chain(tmp_path_factory.mktemp("killed"))
    nodes = [*DATA, *MODEL]
    killed = 0
    for node in nodes:
        # In the middle: a while after it began. Between: as soon as it has ended.
        killed += run_until(chain, f"  {node} ...", 0.3)
        killed += run_until(chain, f"  {node}: ", 0.0)
    # Components of one level run in any order, and some end at once.
    assert killed > len(nodes)
    last = chain.run("local")
    assert last.pushed
    assert outputs(chain) == whole
    assert not list(chain.config.root.glob("artifacts/**/.unfinished/*"))
