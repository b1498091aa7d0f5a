"""The templates of the report's pages, and what every page shares."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent

# What a page may load: what it holds itself. A browser then refuses every request to elsewhere.
CONTENT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


def static_text(name: str) -> Markup:
    """A style sheet or script of ours, to stand in a page as it is."""
    return Markup((_FOLDER / "static" / name).read_text(encoding="utf-8"))


def number(value: float | None, digits: int = 4) -> str:
    """A rate for people; a dash where there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 2) -> str:
    """A share in percent; a dash where there is none."""
    return "–" if value is None or value != value else f"{100 * value:.{digits}f} %"


def count(value: float | None) -> str:
    """A whole number with a thin space between the thousands."""
    return "–" if value is None else f"{value:,.0f}".replace(",", "\u202f")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        # Names of slices, people and files come from data: nothing is trusted to be HTML, not even
        # in Markdown, which lets HTML through.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    shown = {"number": number, "percent": percent, "count": count}
    environment.filters |= shown
    environment.globals |= shown | {"static": static_text, "content_policy": CONTENT_POLICY}
    return environment


def render(name: str, /, **values: Any) -> str:
    """A template of this package, filled in.

    Args:
      name: File name below ``templates``.
      **values: A name that the template uses and that is missing is an error.
    """
    return _environment().get_template(name).render(**values)
