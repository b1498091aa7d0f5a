"""Whose artifacts lie at an address: one ML Metadata store's, which numbers them."""

import os
import uuid
from typing import TYPE_CHECKING

from pipeline.errors import CommandError
from pipeline.run_folder import OWNER
from serving.whole_file import whole_file

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig


def own_artifacts(config: "PipelineConfig") -> None:
    """Makes the address of a pipeline's artifacts that of its metadata, or finds that it is.

    An artifact's folder is named by the number of its execution. Two stores count alike, so the
    second would write among what the first has left.

    Raises:
        CommandError: What lies there is another store's.
    """
    if config.pipeline_root is None:
        return
    from tfx.dsl.io import fileio

    here, there = config.root / OWNER, f"{config.artifacts}/{OWNER}"
    own = here.read_text(encoding="utf-8") if here.is_file() else uuid.uuid4().hex
    if fileio.exists(there):
        with fileio.open(there, "r") as file:
            owner = file.read()
        if owner != own:
            raise CommandError(
                f"pipeline_root: in {config.artifacts} lie artifacts of other runs than those in "
                f"{config.root}, with the same numbers: of another machine, or from before that "
                "folder was deleted; give another address, or delete what lies there"
            )
        return
    with whole_file(here) as path:
        path.write_text(own, encoding="utf-8")
    fileio.makedirs(os.path.dirname(there))
    with fileio.open(there, "w") as file:
        file.write(own)
