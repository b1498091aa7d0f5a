"""The jars of an engine, from Maven Central."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_CACHE: Final = _HERE.parents[1] / ".cache" / "clusters"
_LAST_LINES: Final = 5


class ClusterError(RuntimeError):
    """A cluster cannot be had here; the message says what is missing."""


def jars(engine: str) -> Path:
    """The folder of an engine's jars, fetched at the first call.

    Args:
      engine: ``flink`` or ``spark``; ``<engine>.xml`` beside this file says what of it.

    Raises:
      ClusterError: There is no Java or no Maven, or Maven cannot fetch the jars.
    """
    for program, package in (("java", "a Java of 11 to 17"), ("mvn", "Maven")):
        if shutil.which(program) is None:
            raise ClusterError(f"{engine} takes {package}, and there is no `{program}` here")
    wanted = _HERE / f"{engine}.xml"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]
    folder = _CACHE / f"{engine}-{digest}"
    if folder.is_dir():
        return folder
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    done = subprocess.run(
        [
            *("mvn", "-q", "-B", "-f", str(wanted), "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", f"-DoutputDirectory={partial}"),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        errors = [line for line in said if "ERROR" in line] or said
        raise ClusterError(
            f"Maven cannot fetch the jars of {engine}:\n" + "\n".join(errors[:_LAST_LINES])
        )
    partial.rename(folder)
    return folder
