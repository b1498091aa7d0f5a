import math

import pytest
import yaml

from pipeline.yaml_file import YamlError, read_yaml


def test_values_are_those_of_yaml_1_2() -> None:
    text = """
    int: [0, -12, +7, 0o17, 0xFf]
    float: [1.5, -.5, 1e-3, 2.E+2, .inf, -.INF]
    other: [true, FALSE, null, ~, "010", '1:30', 2026-11-26, "", text, v1.2]
    empty:
    """
    value, lines = read_yaml(text)
    assert value == {
        "int": [0, -12, 7, 15, 255],
        "float": [1.5, -0.5, 0.001, 200.0, math.inf, -math.inf],
        "other": [True, False, None, None, "010", "1:30", "2026-11-26", "", "text", "v1.2"],
        "empty": None,
    }
    assert math.isnan(read_yaml(".nan")[0])
    assert (lines["int",], lines["other",], lines["other", 9]) == (2, 4, 4)


def test_what_both_versions_agree_on_is_read_as_pyyaml_reads_it() -> None:
    text = "a: {b: [1, 2.5, text, true, null]}\nc: 'it''s'\nd: |\n  two\n  lines\n"
    assert read_yaml(text)[0] == yaml.safe_load(text)
    assert read_yaml("")[0] is None
    assert read_yaml("9" * 5000)[0] == math.inf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: {c: 1}\na: 2", "line 3: a stands twice, first on line 1"),
        ("t:\n  e: 1\n  f: 2\n  e: 3", "line 4: t.e stands twice, first on line 2"),
        ("a: 010", "line 1: a is 010, which is a number with a leading zero"),
        ("a:\n- 1:30", "line 2: a.0 is 1:30, which is a number in base 60"),
        ("a: 1_000", "line 1: a is 1_000"),
        ("a: No", "line 1: a is No, which is true or false in YAML 1.1"),
        ("&a {x: *a}", "line 1: x refers to itself"),
        ("a: &b [1, *b]", "line 1: a.1 refers to itself"),
        ("[" * 3000, "nested deeper than 50"),
        ("[" * 60 + "]" * 60, "nested deeper than 50"),
        ('a: "x\\0y"', "line 1: a holds a NUL character"),
        ("a: \x00", "it is not YAML"),
        ("a: !!python/object:os.system {}", "has the tag tag:yaml.org,2002:python/object"),
        ("a: !mine 3", "line 1: a has the tag !mine"),
        ("{[1]: 2}", "line 1: a key of the whole config is no text"),
        ("a: b\n--- \nc: d", "it is not YAML: expected a single document"),
        (b"a: \xff\xfe", "it is not YAML"),
    ],
)
def test_what_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        read_yaml(text)
    assert message in str(caught.value)


def test_what_grows_without_end_is_refused() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(YamlError, match="more than 100,000 values"):
        read_yaml("\n".join(lines))
