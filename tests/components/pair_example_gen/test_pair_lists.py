"""Pair lists in each of their forms."""

import pytest
from pydantic import ValidationError

from components.pair_example_gen.config import DataConfig, pair_set
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.pair_lists import ListedPair, read_pair_list, with_suffixes


def test_a_quoted_name_with_a_comma_may_stand_first(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text('"a, b/1.jpg",c/2.jpg,0\n"a, b/1.jpg","a, b/2.jpg",1\n')
    assert [(pair.image_a, pair.label) for pair in read_pair_list(str(path))] == [
        ("a, b/1.jpg", 0),
        ("a, b/1.jpg", 1),
    ]


def write(tmp_path, text, name="pairs.csv"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


SAME = ListedPair("Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0012.jpg", 1, 1)
DIFFERENT = ListedPair("Ann_Lee/Ann_Lee_0003.jpg", "Bob/Bob_0001.jpg", 0, 2)
LFW_ROWS = "Ann_Lee\t1\t12\nAnn_Lee\t3\tBob\t1\n"


def at_lines(*lines):
    return [pair._replace(line=line) for pair, line in zip((SAME, DIFFERENT), lines, strict=True)]


def test_csv_with_header_and_columns_between(tmp_path):
    text = "image_a,image_b,note,match\na/1.jpg,b/1.jpg,x,0\n./a/1.jpg,a/2.jpg,,1\n"
    assert read_pair_list(write(tmp_path, text)) == [
        ListedPair("a/1.jpg", "b/1.jpg", 0, 2),
        ListedPair("a/1.jpg", "a/2.jpg", 1, 3),
    ]


def test_csv_without_header_keeps_order_and_repetitions(tmp_path):
    pairs = read_pair_list(write(tmp_path, "b,a,0\na,b,0\nb,a,0\n"))
    assert [(pair.image_a, pair.image_b) for pair in pairs] == [("b", "a"), ("a", "b"), ("b", "a")]


@pytest.mark.parametrize(
    ("head", "lines"), [("", (1, 2)), ("1\n", (2, 3)), ("1\t1\n", (2, 3))], ids=repr
)
def test_the_forms_of_lfw(tmp_path, head, lines):
    assert read_pair_list(write(tmp_path, head + LFW_ROWS, "pairs.txt")) == at_lines(*lines)


def test_ten_folds(tmp_path):
    # Two folds of one same and one different pair each.
    pairs = read_pair_list(write(tmp_path, "2\t1\n" + LFW_ROWS + LFW_ROWS))
    assert [pair.label for pair in pairs] == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no pairs"),
        ("image_a,image_b,match\n", "holds no pairs"),
        ("a.jpg,b.jpg,same\n", "line 1: label 'same' in the last column"),
        ("x,y,label\na.jpg,b.jpg,2\n", "line 2: label '2' in the last column"),
        ("a,b,1\na,b,same\n", "line 2: label 'same' in the last column"),
        ("a.jpg,1\n", "line 1: 'a.jpg,1'; a row is image_a,image_b,label"),
        ("a.jpg,../b.jpg,1\n", r"line 1: '../b.jpg' is no path below data.images"),
        ("Ann\t1\tBob\n", "line 1: .* expected are, with tabs between, name i j"),
        ("2\n" + LFW_ROWS, "the first line announces 4 pairs and 2 follow"),
        ("10\t300\n" + LFW_ROWS, "the first line announces 6000 pairs and 2 follow"),
    ],
)
def test_broken_pair_lists_are_errors(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_pair_list(write(tmp_path, text))


def test_a_missing_pair_list_is_an_error():
    with pytest.raises(DataError, match=r"'no/pairs.csv' cannot be read: No such file"):
        read_pair_list("no/pairs.csv")


def test_pair_sets_are_named_after_the_lists():
    lists = ["a/pairsDevTest.txt", "b/view2.v1.csv"]
    assert [pair_set(path) for path in lists] == ["pairsDevTest", "view2.v1"]
    # Other splits have results of their own.
    DataConfig(images="x", pair_lists={"val": lists, "test": lists})


@pytest.mark.parametrize("paths", [("a/p.csv", "b/p.txt"), ("sampled.csv",), ("overall.csv",)])
def test_lists_whose_results_would_replace_others_are_refused(paths):
    message = (
        rf"'{paths[-1]}' in val would give the pair set '\w+', which is taken; rename the file"
    )
    with pytest.raises(ValidationError, match=message):
        DataConfig(images="x", pair_lists={"val": paths})


def test_images_in_another_format_are_found_by_their_names():
    pairs = [ListedPair("Ada/Ada_0001.jpg", "Bob/Bob_0001.jpg", 0, 1)]
    ids = ["Ada/Ada_0001.png", "Bob/Bob_0001.jpg", "Bob/Bob_0001.png"]
    [found] = with_suffixes(pairs, ids)
    assert (found.image_a, found.image_b) == ("Ada/Ada_0001.png", "Bob/Bob_0001.jpg")
    # Which of two is meant cannot be known.
    [found] = with_suffixes(pairs, ["Ada/Ada_0001.png", "Ada/Ada_0001.webp"])
    assert found == pairs[0]
