"""The reference of all config keys, out of the sections that check a config.

Nothing is written down twice: a key's type, default and bounds are those that pydantic enforces,
and what it means is its ``description``, or the docstring of the section that it holds.
"""

import inspect
import re
import textwrap
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from components.section import Form, Section

_NAMES = {str: "text", bool: "`true` or `false`", int: "whole number", float: "number"}
_BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}
_LENGTHS = {"min_length": "at least {}", "max_length": "at most {}"}


@dataclass(frozen=True)
class Place:
    """A section of a config and where it stands.

    Attributes:
        key: Dotted, such as ``training.optimizer``; empty for the config as a whole.
        section: What checks it.
    """

    key: str
    section: type[Section]

    def fields(self) -> Iterator[tuple[str, FieldInfo]]:
        """The dotted key and the field of each of its keys."""
        for name, field in self.section.model_fields.items():
            yield f"{self.key}.{name}".lstrip("."), field

    @property
    def meaning(self) -> str:
        """The section's docstring, as Markdown."""
        text = re.sub(r"::$", ":", _docstring(self.section), flags=re.MULTILINE)
        return re.sub(
            r"^(Examples?:)\n((?: +.*\n?)+)",
            lambda found: f"{found[1]}\n\n```python\n{textwrap.dedent(found[2]).rstrip()}\n```\n",
            text,
            flags=re.MULTILINE,
        )


def places(section: type[Section], key: str = "") -> Iterator[Place]:
    """A section, and then all that it holds, however deep.

    A list of sections stands under the key of the list with ``[]``, a map under the key with
    ``.<key>``; where a key takes one of several sections, each of them stands there.

    Args:
        section: Where to begin.
        key: Its own dotted key.
    """
    here = Place(key, section)
    yield here
    for name, field in here.fields():
        for part, suffix in _sections_in(field.annotation):
            yield from places(part, name + suffix)


def undescribed(section: type[Section]) -> list[str]:
    """The dotted keys that nothing says the meaning of."""
    return [
        key
        for place in places(section)
        for key, field in place.fields()
        if not _meaning(field).strip()
    ]


def reference(section: type[Section]) -> str:
    """The reference as a page of Markdown, without its title.

    Args:
        section: The config as a whole.

    Raises:
        ValueError: A key has no description; all such keys are named.
    """
    missing = undescribed(section)
    if missing:
        raise ValueError(
            f"{', '.join(missing)}: nothing says what this means; give the field a description, or "
            "its section a docstring"
        )
    return "\n".join(line for place in places(section) for line in _lines(place))


def _lines(place: Place) -> Iterator[str]:
    if place.key:
        tag = _tag(place.section)
        told_apart = f", `{tag[0]}: {tag[1]}`" if tag else ""
        yield f"## `{place.key}`{told_apart} {{ #{_anchor(place.key, place.section)} }}\n"
    yield f"{place.meaning}\n"
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, field in place.fields():
        name = key.rpartition(".")[2]
        shown, value = f"`{name}`", _value(field)
        held = [part for part, _ in _sections_in(field.annotation)]
        if len(held) == 1:
            shown = f"[{shown}](#{_anchor(key, held[0])})"
        elif held:
            tags = [f"[`{(_tag(part) or '')[1]}`](#{_anchor(key, part)})" for part in held]
            value += f" of one name: {', '.join(tags)}"
        cells = (shown, value, _default(field), _meaning(field))
        yield f"| {' | '.join(_cell(text) for text in cells)} |"
    yield ""


def _anchor(key: str, section: type[Section]) -> str:
    tag = _tag(section)
    plain = key.replace("[]", "").replace(".<key>", "")
    return f"{plain}.{tag[1]}" if tag else plain


def _tag(section: type[Section]) -> tuple[str, Any] | None:
    """The key and its only value that tell a section from others in its place, if it has such."""
    for name, field in section.model_fields.items():
        if len(_choices(field)) == 1:
            return name, _choices(field)[0]
    return None


def _choices(field: FieldInfo) -> tuple[Any, ...]:
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _docstring(section: type[Section]) -> str:
    # Not inspect.getdoc, which gives the base's docstring to a class without one.
    return inspect.cleandoc(section.__dict__.get("__doc__") or "")


def _meaning(field: FieldInfo) -> str:
    if field.description:
        return field.description
    if len(_choices(field)) == 1:
        return "Tells this section from others in its place."
    parts = [_docstring(part).split("\n\n")[0] for part, _ in _sections_in(field.annotation)]
    return "" if not all(parts) else " ".join(parts)


def _sections_in(annotation: Any) -> list[tuple[type[Section], str]]:
    """The sections that a type holds, each with what its key is followed by."""
    if inspect.isclass(annotation) and issubclass(annotation, Section):
        return [(annotation, "")]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _sections_in(inner[0])
    suffix = {list: "[]", tuple: "[]", dict: ".<key>"}.get(origin, "")
    return [
        (section, suffix + further) for part in inner for section, further in _sections_in(part)
    ]


def _value(field: FieldInfo) -> str:
    """The type and its bounds, in words."""
    # Of a name that a table of the code decides on, there is no more to its type than text.
    extra = field.json_schema_extra
    known = extra.get("enum") if isinstance(extra, dict) else None
    text = _listed(known) if isinstance(known, list) else _type(field.annotation)
    bounds = []
    # Those of a text that may be null are in its type.
    inner = [
        rule for each in get_args(field.annotation) for rule in getattr(each, "__metadata__", ())
    ]
    for rule in (*field.metadata, *inner):
        for name, words in (*_BOUNDS.items(), *_LENGTHS.items()):
            bound = getattr(rule, name, None)
            if bound is None:
                continue
            if name in _LENGTHS:
                of = "character" if field.annotation is str else "entry"
                many = {"character": "characters", "entry": "entries"}[of]
                bounds.append(f"{words.format(bound)} {of if bound == 1 else many}")
            else:
                bounds.append(words.format(f"{bound:,}" if isinstance(bound, int) else bound))
        if isinstance(rule, Form):
            bounds.append(rule.what.partition(";")[0])
    return ", ".join([text, *bounds])


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _type(annotation: Any) -> str:
    if annotation in _NAMES:
        return _NAMES[annotation]
    if annotation is type(None):
        return "`null`"
    if inspect.isclass(annotation):
        if issubclass(annotation, Section):
            return "section"
        if issubclass(annotation, PurePath):
            return "path"
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(inner[0])
    if origin is Literal:
        return _listed(inner)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in inner))
    if origin is dict:
        return f"map of {_type(inner[0])} to {_type(inner[1])}"
    if origin is tuple and inner[-1] is not Ellipsis:
        return f"list of {len(inner)}: {', '.join(dict.fromkeys(_type(part) for part in inner))}"
    if origin in (list, tuple):
        return f"list of {_type(inner[0])}"
    raise TypeError(f"{annotation} has no name in the reference of the config; give it one here")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Section):
        tag = _tag(type(value))
        changed = {**({tag[0]: tag[1]} if tag else {}), **_plain(value)}
        return f"`{_yaml(changed)}`" if changed else "its defaults"
    return f"`{_yaml(_plain(value))}`"


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...").strip()
