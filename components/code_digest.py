"""A digest of source code, for the cache: TFX's cache key sees no code behind a dotted path."""

import hashlib
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
_PROJECT = _ROOT.parent
# What one release computes is not taken for what another would.
_LIBRARIES = ("tensorflow", "tfx")
# Code, and what the report's pages are made from.
_SOURCE = frozenset((".py", ".j2", ".css", ".js"))


def code_digest(*parts: str) -> str:
    """The SHA-256 of parts of the project, and of what they run on, as 16 hex digits.

    It changes with any of their source files, and with the versions of TensorFlow and TFX.

    Args:
      *parts: Names below ``components``: a folder (all its source files) or a module; or packages
        beside it, such as ``faces``.

    Raises:
      FileNotFoundError: A part is neither a folder nor a module.
    """
    files: list[Path] = []
    for part in parts:
        folder, module = _ROOT / part, _ROOT / f"{part}.py"
        if not folder.is_dir() and (_PROJECT / part / "__init__.py").is_file():
            folder = _PROJECT / part
        if folder.is_dir():
            files += (file for file in folder.rglob("*") if file.suffix in _SOURCE)
        elif module.is_file():
            files.append(module)
        else:
            raise FileNotFoundError(
                f"components has no part {part!r}: neither {folder} nor {module}"
            )
    digest = hashlib.sha256()
    for library in _LIBRARIES:
        digest.update(f"{library}=={metadata.version(library)}\0".encode())
    for file in sorted(set(files)):
        base = _ROOT if file.is_relative_to(_ROOT) else _PROJECT
        digest.update(str(file.relative_to(base)).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
