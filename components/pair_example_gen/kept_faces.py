"""Aligned faces of earlier runs: looking for a face takes a hundred times as long as reading it."""

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

from tfx.dsl.io import fileio

from components.pair_example_gen.images import Found, ImageFacts
from components.whole_file import write_whole


class KeptFaces:
    """What became of photos, in a folder, by the digest of their contents.

    Another number of pairs, another split or a run that was killed in the middle aligns nothing
    again. Entries of other code are deleted, and one that is not whole is made anew.

    Args:
      folder: Holds ``<code>/<two digits>/<digest>``, each a line of JSON and then the face's file.
      code: Digest of the code that finds and aligns.
      wanted: What else the result depends on: the canvas, and which face.
    """

    def __init__(self, folder: str, code: str, wanted: str):
        self._folder, self._code, self._wanted = folder, code, wanted

    def clean(self) -> None:
        """Deletes what other code made."""
        if fileio.exists(self._folder):
            for name in map(str, fileio.listdir(self._folder)):
                if name.rstrip("/") != self._code:
                    fileio.rmtree(os.path.join(self._folder, name))

    def get(self, photo: bytes, make: Callable[[bytes], Found]) -> Found:
        """What ``make`` gives for a photo's content, made or as it was kept."""
        digest = hashlib.sha256(self._wanted.encode() + b"\0" + photo).hexdigest()
        path = os.path.join(self._folder, self._code, digest[:2], digest)
        if fileio.exists(path):
            with fileio.open(path, "rb") as file:
                found = _read(file.read())
            if found is not None:
                return found
        data, facts = make(photo)
        known = {"reason": facts} if isinstance(facts, str) else {"facts": facts._asdict()}
        line = json.dumps({**known, "sha256": hashlib.sha256(data).hexdigest()})
        write_whole(path, line.encode() + b"\n" + data)
        return data, facts


def _read(content: bytes) -> Found | None:
    line, _, data = content.partition(b"\n")
    try:
        known: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if known.get("sha256") != hashlib.sha256(data).hexdigest():
        return None
    return data, known["reason"] if "reason" in known else ImageFacts(**known["facts"])
