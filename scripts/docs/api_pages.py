"""The pages of the API: one a folder of code, which mkdocstrings fills from the docstrings."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# From what a reader uses first to what it is made of.
PACKAGES = ("serving", "faces", "components", "pipeline", "data", "schemas")


@dataclass(frozen=True)
class ApiPage:
    """A page.

    Attributes:
        package: Its dotted name.
        modules: The dotted names of what is documented on it: the package itself, if its
            ``__init__`` holds anything but a docstring, and its modules.
    """

    package: str
    modules: tuple[str, ...]

    @property
    def path(self) -> str:
        """Below the folder of the site's pages."""
        return f"api/{self.package.replace('.', '/')}.md"

    @property
    def text(self) -> str:
        """Markdown."""
        return "\n".join([f"# {self.package}\n", *(f"::: {module}\n" for module in self.modules)])


def api_pages(root: Path) -> Iterator[ApiPage]:
    """A page for each package, outermost first.

    Args:
        root: The project's folder.
    """
    for name in PACKAGES:
        for init in sorted((root / name).rglob("__init__.py")):
            folder = init.parent
            package = ".".join(folder.relative_to(root).parts)
            modules = [
                f"{package}.{module.stem}"
                for module in sorted(folder.glob("*.py"))
                if module.name not in ("__init__.py", "__main__.py")
            ]
            yield ApiPage(package, (package, *modules))
