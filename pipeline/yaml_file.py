"""YAML as configs need it: what could be read in two ways is an error that names its line.

PyYAML's own loader lets the second of two equal keys win, and reads 010 as 8, 1:30 as 90 and ``no``
as false, as YAML 1.1 has it. Here values are those of YAML 1.2's core schema
(https://yaml.org/spec/1.2.2/#103-core-schema), and what 1.1 took for something else has to be
written in a way that both understand.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

# Keys and positions, from the top of the file.
Place = tuple[str | int, ...]

_TAG: Final = "tag:yaml.org,2002:"
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE: Final = frozenset(("true", "True", "TRUE"))
_FALSE: Final = frozenset(("false", "False", "FALSE"))
# What YAML 1.1 takes for a number or a truth value, and 1.2 does not.
_OTHERWISE: Final = {
    re.compile(r"[-+]?0[0-9_]+"): "a number with a leading zero, octal in YAML 1.1",
    re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"): "a number in base 60 in YAML 1.1",
    re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?"): "a number in YAML 1.1",
    re.compile(r"(?i:y|n|yes|no|on|off)"): "true or false in YAML 1.1",
}
_MOST_VALUES: Final = 100_000
_DEEPEST: Final = 50
# Python reads no longer numbers; what has more is infinite, which no section takes.
_MOST_DIGITS: Final = 4_000


class YamlError(ValueError):
    """The text is not YAML, or could be read in two ways."""


class _Loader(yaml.SafeLoader):
    """Only tells scalars apart that have quotes from those that have none."""

    yaml_implicit_resolvers: dict[str, Any] = {}


def read_yaml(text: str | bytes) -> tuple[Any, dict[Place, int]]:
    """Reads one document.

    Args:
      text: In UTF-8 or UTF-16, if bytes.

    Returns:
      Dicts, lists, texts, numbers, booleans and None; and for every place in it the line, from 1.

    Raises:
      YamlError: The message begins with the line, where there is one.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except RecursionError:
        raise YamlError(f"brackets or sections are nested deeper than {_DEEPEST}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise YamlError(f"it is not YAML: {error}") from None
    reader = _Reader()
    return (None if root is None else reader.value(root, ())), reader.lines


class _Reader:
    def __init__(self) -> None:
        self.lines: dict[Place, int] = {}
        self._open: list[yaml.Node] = []
        self._count = 0

    def value(self, node: yaml.Node, place: Place) -> Any:
        """What a node stands for."""
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        self._count += 1
        if any(node is outer for outer in self._open):
            raise YamlError(f"line {line}: {_shown(place)} refers to itself")
        if self._count > _MOST_VALUES:
            raise YamlError(f"it stands for more than {_MOST_VALUES:,} values")
        if len(self._open) > _DEEPEST:
            raise YamlError(f"line {line}: it is nested deeper than {_DEEPEST}")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, line, place)
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            raise YamlError(f"line {line}: {_shown(place)} has the tag {node.tag}; remove it")
        self._open.append(node)
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*place, at)) for at, item in enumerate(node.value)]
            return dict(self._pairs(node, place))
        finally:
            self._open.pop()

    def _pairs(self, node: yaml.Node, place: Place) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError(f"line {line}: a key of {_shown(place)} is no text")
            key = key_node.value
            inner = (*place, key)
            if key in seen:
                raise YamlError(
                    f"line {line}: {_shown(inner)} stands twice, first on line {seen[key]}; "
                    "remove one of them"
                )
            seen[key] = self.lines[inner] = line
            yield key, self.value(value_node, inner)


def _scalar(node: yaml.ScalarNode, line: int, place: Place) -> Any:
    text = node.value
    if "\0" in text:
        raise YamlError(f"line {line}: {_shown(place)} holds a NUL character; remove it")
    if node.style is not None:
        return text
    if node.tag != f"{_TAG}str":
        raise YamlError(f"line {line}: {_shown(place)} has the tag {node.tag}; remove it")
    for pattern, meaning in _OTHERWISE.items():
        if pattern.fullmatch(text):
            raise YamlError(
                f"line {line}: {_shown(place)} is {text}, which is {meaning}; write the number in "
                "plain digits, true or false, or put quotes around a text"
            )
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        # Python's spelling has no point before inf and nan.
        return float(re.sub(r"\.(?=[inIN])", "", text))
    return text


def _shown(place: Place) -> str:
    return ".".join(map(str, place)) or "the whole config"
