"""SIGKILL in the middle of each component and between any two: the same comes out in the end."""

import subprocess
import time
from typing import Any

import psutil
import pytest
from chain_outputs import outputs
from test_chain import DATA, FACEAUTH, MODEL, Chain, inherited

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a process and all that it started, at once."""
    parent = psutil.Process(process.pid)
    for each in [parent, *parent.children(recursive=True)]:
        each.kill()
    process.wait()


def run_until(chain: Chain, line: str, delay_s: float) -> bool:
    """Runs until a line is on the screen and then kills; whether it came before the end."""
    process = subprocess.Popen(
        [*FACEAUTH, "run", "--config", chain.path],
        env=inherited(),
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    chain = Chain(tmp_path_factory.mktemp("whole"))
    chain.run("local")
    return outputs(chain.config)


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
    assert outputs(chain.config) == whole
    assert not list(chain.config.root.glob("artifacts/**/.unfinished/*"))
