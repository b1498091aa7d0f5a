"""Whose artifacts lie at an address: one ML Metadata store's, which numbers them."""

import os
import shutil
import uuid
from typing import TYPE_CHECKING

from components.local_copies import SCRATCH_VARIABLE
from components.storage import is_empty, read_stored
from pipeline.errors import CommandError
from pipeline.run_folder import OWNER, SCRATCH
from serving.whole_file import whole_file

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig


def owner_of(address: str) -> str | None:
    """Whose artifacts lie at an address; None where nothing lies, "" where nobody says.

    Raises:
        CommandError: The address cannot be read.
    """
    try:
        # Of a bucket that is not there, Beam says so at once, and TensorFlow after minutes.
        if is_empty(address):
            return None
        return read_stored(f"{address}/{OWNER}").decode()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise CommandError(
            f"pipeline_root: {address} cannot be read: {error.strerror}; give a bucket that is "
            "there, and credentials for it (gcloud auth application-default login, or "
            "GOOGLE_APPLICATION_CREDENTIALS)"
        ) from error


def own_artifacts(config: "PipelineConfig") -> None:
    """Makes the address of a pipeline's artifacts that of its metadata, or finds that it is.

    An artifact's folder is named by the number of its execution. Two stores count alike, so the
    second would write among what the first has left. What is copied here from the address goes to
    the pipeline's folder from now on, where what a killed run left of it is deleted.

    Raises:
        CommandError: What lies there is another store's, or the address cannot be used.
    """
    if config.pipeline_root is None:
        if config.beam.runner == "dataflow":
            raise CommandError(
                f"beam.runner is dataflow, whose workers do not see {config.artifacts}; set "
                "pipeline_root: gs://BUCKET/FOLDER (kubeflow.pipeline_root is for Kubeflow alone)"
            )
        return
    scratch = config.root / SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, mode=0o700)
    os.environ[SCRATCH_VARIABLE] = str(scratch)
    here, there = config.root / OWNER, f"{config.artifacts}/{OWNER}"
    own = here.read_text(encoding="utf-8") if here.is_file() else uuid.uuid4().hex
    owner = owner_of(config.artifacts)
    if owner is not None:
        if owner != own:
            raise CommandError(
                f"pipeline_root: in {config.artifacts} lie artifacts of other runs than those in "
                f"{config.root}, with the same numbers: of another machine, or from before that "
                "folder was deleted; give another address, or delete what lies there"
            )
        return
    from tfx.dsl.io import fileio

    # First: an address is owned by who knows it.
    with whole_file(here) as path:
        path.write_text(own, encoding="utf-8")
    fileio.makedirs(os.path.dirname(there))
    with fileio.open(there, "w") as file:
        file.write(own)
