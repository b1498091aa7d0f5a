"""A digest of the code that a component runs, for the cache: TFX's key sees none of it.

Nobody keeps a list of that code. It is what the component's entry points import, found in the
source without running it, and what they open or start by name, which whoever names it adds.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from importlib.util import resolve_name
from itertools import pairwise
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# The folders beside this one hold the libraries, where the project is installed among them.
PACKAGES = frozenset(("components", "data", "faces", "pipeline", "schemas", "serving"))
# What one release computes is not taken for what another would.
_LIBRARIES = ("tensorflow", "tfx")


def code_digest(*entries: str) -> str:
    """The SHA-256 of code, and of what it runs on, as 16 hex digits.

    It changes with each of ``source_files``, and with the versions of TensorFlow and TFX.

    Args:
      *entries: Where the code begins, see ``source_files``.
    """
    digest = hashlib.sha256()
    for library in _LIBRARIES:
        digest.update(f"{library}=={metadata.version(library)}\0".encode())
    for file in source_files(*entries):
        name = file.relative_to(PROJECT).as_posix()
        digest.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def source_files(*entries: str) -> list[Path]:
    """The files that code consists of, sorted.

    Args:
      *entries: Where it begins. A module or a function by its dotted name, such as
        ``components.trainer.run_fn.run_fn``: the module's file and those of all that it imports of
        the project, at its top or in a function, and of what these import, each with the
        ``__init__`` of its packages. Imports for type checkers alone do not count. A file or a
        folder by its path below the project, such as ``components/report/static``: all of it.

    Raises:
      ModuleNotFoundError: There is no such module.
      FileNotFoundError: There is no such file or folder.
    """
    files: set[Path] = set()
    seen: set[str] = set()
    waiting: list[str] = []
    for entry in entries:
        if "/" in entry:
            files.update(_files_in(PROJECT / entry))
        else:
            waiting.append(_module_of(entry))
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _file_of(name)
        if path is not None:
            files.add(path)
            parent = name.rpartition(".")[0]
            package = name if path.name == "__init__.py" else parent
            waiting += [parent, *_imported(path.read_bytes(), package)]
    return sorted(files, key=lambda path: path.relative_to(PROJECT).as_posix())


def started_by(command: Iterable[str]) -> list[str]:
    """The modules of the project that a command runs by ``python -m``, as entries."""
    entries = []
    for option, name in pairwise(command):
        if option == "-m" and _file_of(name):
            main = f"{name}.__main__"
            entries.append(main if _file_of(main) else name)
    return entries


def _module_of(entry: str) -> str:
    module = entry.rpartition(".")[0]
    path = _file_of(module)
    if _file_of(entry):
        return entry
    if path and path.name != "__init__.py":
        return module
    raise ModuleNotFoundError(
        f"{entry!r} is neither a module of the project in {PROJECT} nor a function in one"
    )


def _file_of(module: str) -> Path | None:
    """The file of a module of the project; None for any other name."""
    if module.partition(".")[0] not in PACKAGES:
        return None
    base = PROJECT.joinpath(*module.split("."))
    candidates = (base / "__init__.py", base.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


def _files_in(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is neither a file nor a folder; correct the entry")
    return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


@cache
def _imported(source: bytes, package: str) -> frozenset[str]:
    """The names that a module's source imports, modules or not."""
    names: set[str] = set()
    for node in _run(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names.update((base, *(f"{base}.{alias.name}" for alias in node.names)))
    return frozenset(names)


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one but those that only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for other in child.orelse:
                yield from (other, *_run(other))
        else:
            yield from (child, *_run(child))
