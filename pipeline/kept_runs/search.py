"""Whether a person is still named, or a photo of theirs known by its digest, in files.

Files are read byte by byte, whatever they are; what is compressed (gzip, zip) is unpacked.
"""

import gzip
import mmap
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from serving.names import spellings

_LONG: Final = 6  # Bytes of a name that random bytes do not spell.
_LETTERS: Final = rb"A-Za-z0-9\x80-\xff"
_BEFORE: Final = rb"[\x00\t\n\r \"',;:/\\(\[<>=|]"
_AFTER: Final = rb"[\x00-\x1f \"',;:/\\)\]<>=|_.]"


def pattern(identity: str, digests: Collection[str] = ()) -> re.Pattern[bytes]:
    """An expression that finds a name, or the SHA-256 of a photo.

    A name counts where it stands alone: ``Ada`` is not found in ``Adam``. One of fewer than six
    bytes counts only between separators, or behind its own length, as in a serialised message:
    random bytes spell it too often.

    Args:
        identity: The name, in any spelling. It is looked for in UTF-8 and in UTF-32, in which NumPy
            keeps it.
        digests: In hexadecimal digits; the 32 bytes themselves are looked for as well.
    """
    found: list[bytes] = []
    for each in sorted(spellings(identity)):
        name = each.encode()
        word = re.escape(name)
        if len(name) >= _LONG:
            alone = rb"(?<![" + _LETTERS + rb"])" + word + rb"(?![" + _LETTERS + rb"])"
        else:
            alone = rb"(?:" + _BEFORE + rb"|^)" + word + rb"(?=" + _AFTER + rb"|$)"
        length = re.escape(bytes([len(name)])) + word if len(name) < 128 else word
        found += [alone, length, re.escape(each.encode("utf-32-le"))]
    for digest in digests:
        found += [digest.encode(), re.escape(bytes.fromhex(digest))]
    return re.compile(rb"|".join(found))


def files_with(folder: Path, wanted: re.Pattern[bytes]) -> Iterator[Path]:
    """Yields the files below a folder whose content or name has what is wanted.

    Raises:
        OSError: A file cannot be read.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        named = str(path.relative_to(folder)).encode()
        if wanted.search(named) or any(wanted.search(part) for part in _contents(path)):
            yield path


def _contents(path: Path) -> Iterator[bytes | mmap.mmap]:
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content
        if content[:2] == b"\x1f\x8b":
            try:
                yield gzip.decompress(content)
            except (OSError, EOFError):
                return  # Only its first two bytes are those of gzip.
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield archive.read(name)
