"""Measurements, each in a process of its own: its peak memory and its caches are nobody else's.

    python -m benchmarks.processes MODULE FUNCTION '{"argument": "value"}'

runs one, and prints what it returns as the last line. That is for ``measured``; people use the
commands that call it.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

# What TensorFlow says at its start would hide the table.
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    "ABSL_MIN_LOG_LEVEL": "3",
    "PYTHONWARNINGS": "ignore",
}


def measured(module: str, function: str, **arguments: Any) -> dict[str, Any]:
    """Calls a function in a new process.

    Args:
      module: Where the function is.
      function: Returns a dict that JSON can hold.
      arguments: Its arguments, which JSON can hold too.

    Returns:
      What the function returned, and ``peak_mb``: the most memory that the process held, with all
      that it imported.

    Raises:
      RuntimeError: The process failed; the message ends with what it said.
    """
    command = [sys.executable, "-m", "benchmarks.processes", module, function]
    done = subprocess.run(
        [*command, json.dumps(arguments)],
        env={**_QUIET, **os.environ},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{module}.{function} failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """See the module."""
    module, function, arguments = sys.argv[1:]
    result = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    result["peak_mb"] = _peak_mb()
    print(json.dumps(result))


def _peak_mb() -> float:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except FileNotFoundError:
        # In bytes on macOS.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    # Not ru_maxrss, which on Linux begins with what the process that started this one held.
    [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak) / 2**10


if __name__ == "__main__":
    main()
