"""Files that are there whole or not at all, wherever artifacts are."""

import os
import uuid

from tfx.dsl.io import fileio


def write_whole(path: str, content: bytes) -> None:
    """Writes a file under another name and renames it, over one that is there.

    Args:
      path: Of the file; its folder is made. While it is written, it has the suffix ``.part``.
      content: All of it.
    """
    fileio.makedirs(os.path.dirname(path))
    part = f"{path}.{uuid.uuid4().hex}.part"
    with fileio.open(part, "wb") as file:
        file.write(content)
    fileio.rename(part, path, overwrite=True)
