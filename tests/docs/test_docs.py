"""What the documents say is there: paths, targets, modules, keys, commands, messages, pages."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.config import PROJECT, PipelineConfig
from scripts.docs.api_pages import api_pages
from scripts.docs.config_reference import places
from scripts.docs.hooks import REPOSITORY_PAGES, for_the_site

PACKAGES = ("pipeline", "components", "faces", "data", "serving")
FOLDERS = (*PACKAGES, "schemas", "scripts", "tests", "benchmarks", "examples", "docs")
# What a run or a person makes.
MADE = re.compile(r"data/(lfw|synthetic|photos)|serving/models|faces/(Ada|not_used)")
PAGES = sorted(
    [
        *(PROJECT / "docs").rglob("*.md"),
        *(PROJECT / "serving").rglob("README.md"),
        *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "PRIVACY.md", "SECURITY.md")),
    ]
)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))


BLOCK = re.compile(r"^ *```.*?^ *```", flags=re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def code(page: Path) -> list[str]:
    """What stands in backticks, and the lines of code blocks."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    spans = re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))
    return spans + [line for block in blocks for line in block.splitlines()[1:-1]]


@every_page
def test_paths_are_there(page: Path) -> None:
    paths = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*\w/?")
    named = {
        path
        for span in code(page)
        for path in re.findall(rf"(?<![\w/.-]){paths.pattern}", span)
        if not MADE.match(path)
    }
    # A page of a folder may name what lies in that folder.
    missing = [
        path
        for path in sorted(named)
        if not any((base / path).exists() for base in (PROJECT, page.parent))
        and not (PROJECT / f"{path}.py").exists()
    ]
    assert missing == []


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    made = {"reference/config.md", *REPOSITORY_PAGES}
    missing = []
    for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", prose(page)):
        target = (page.parent / link).resolve()
        below_docs = target.is_relative_to(PROJECT / "docs")
        if below_docs and str(target.relative_to(PROJECT / "docs")) in made:
            continue
        if not target.exists():
            missing.append(link)
    assert missing == []


@every_page
def test_make_targets_are_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    call = re.compile(r"^\s*(?:\$ )?(?:\w+=\S+ )*make ([a-z][a-z-]*)(?=$| +[A-Z]+=| +#)")
    named = {found[1] for span in code(page) if (found := call.match(span))}
    assert named <= targets


@every_page
def test_modules_that_are_run_are_there(page: Path) -> None:
    named = {
        name
        for span in code(page)
        for name in re.findall(rf"python -m ((?:{'|'.join(PACKAGES)})\.[\w.]+)", span)
    }
    assert [name for name in sorted(named) if find_spec(name) is None] == []


@pytest.fixture(scope="module")
def commands() -> set[str]:
    """The subcommands of ``faceauth``."""
    [module] = re.findall(r'"faceauth = ([\w.]+):main"', (PROJECT / "setup.py").read_text())
    shown = subprocess.run(
        [sys.executable, "-c", f"from {module} import main; main(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    ).stdout
    return set(re.findall(r"^ {2,4}([a-z][a-z-]*)(?: {2,}|$)", shown, re.MULTILINE))


@every_page
def test_commands_are_there(page: Path, commands: set[str]) -> None:
    named = {
        name
        for span in code(page)
        # Not where the word is a name: the model's, the package's, the container's.
        for name in re.findall(r"(?:^|[ (/])faceauth ([a-z][a-z-]*)", span)
        if not re.search(r"models/faceauth |base_path", span)
    }
    assert named <= commands


def config_keys() -> set[str]:
    found = set()
    for place in places(PipelineConfig):
        for key, _ in place.fields():
            found.add(key.replace("[]", ""))
    return found


@every_page
def test_config_keys_are_there(page: Path) -> None:
    keys = config_keys()
    sections = sorted({key.partition(".")[0] for key in keys if "." in key})
    dotted = re.compile(rf"(?:{'|'.join(sections)})(?:\.[a-z_0-9]+)+")
    named = set()
    for span in code(page):
        key = span.partition(":")[0].strip()
        if dotted.fullmatch(key) and not re.search(r"\.(md|py|csv|ya?ml|json|npz|html)$", key):
            named.add(key)
    assert named <= keys | {name for name in named if find_module(name)}


def find_module(name: str) -> bool:
    """Whether a dotted name is a module or something in one, as ``serving.in_process.verify``."""
    parts = name.split(".")
    places = [PROJECT.joinpath(*parts[:length]) for length in range(2, len(parts) + 1)]
    return any(place.with_suffix(".py").exists() or place.is_dir() for place in places)


def messages() -> Iterator[str]:
    """Every text of the code, with … for what is filled in; also of the set-up script."""
    for package in PACKAGES:
        for path in (PROJECT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.JoinedStr():
                        yield "".join(
                            part.value if isinstance(part, ast.Constant) else "…"
                            for part in node.values
                        )
                    case ast.Constant(value=str()):
                        yield node.value
    yield (PROJECT / "scripts" / "setup_env.sh").read_text(encoding="utf-8").replace("%s", "…")


def test_messages_are_said_by_the_code() -> None:
    page = (PROJECT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    entries = re.findall(r"^### `([^`]+)`", page, re.MULTILINE)
    assert len(entries) > 40
    said = "\n".join(messages())
    unknown = []
    for entry in entries:
        pattern = "[^\n]*?".join(re.escape(part.strip()) for part in entry.split("…"))
        if not re.search(pattern, said):
            unknown.append(entry)
    assert unknown == []


def test_every_module_has_a_page() -> None:
    documented = {module for page in api_pages(PROJECT) for module in page.modules}
    modules = {
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        for package in (*PACKAGES, "schemas")
        for path in (PROJECT / package).rglob("*.py")
        if path.name != "__main__.py"
    }
    assert documented == modules


def test_links_of_a_page_of_the_repository_are_those_of_the_site() -> None:
    text = "[a](docs/decision.md) [b](../docs/a.svg) [c](../faces/__init__.py) [d](https://e.org)"
    assert for_the_site(text) == "[a](decision.md) [b](../a.svg) c [d](https://e.org)"
    assert for_the_site("[e](#f)") == "[e](#f)"
