"""The reference of the config, out of its sections."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from components.section import Section, is_text
from pipeline.config import PipelineConfig
from scripts.docs.config_reference import places, reference, undescribed


class Near(Section):
    """Losses that know one number."""

    name: Literal["near"] = Field("near", description="Its name.")
    margin: float = Field(0.5, gt=0, le=1, description="How far | and no farther.")


class Far(Section):
    """Losses that know none.

    Example:
      >>> Far()
      far
    """

    name: Literal["far"] = "far"


class Bound(Section):
    """A bound."""

    at: int = Field(ge=1_000, description="Where.")


class Whole(Section):
    """All of it.

    Where a server is::

        [run, it]
    """

    loss: Annotated[Near | Far, Field(discriminator="name")] = Near()
    bounds: list[Bound] = Field([Bound(at=2_000)], min_length=1, description="What is kept.")
    box: tuple[float, float] | None = Field(None, description="Two numbers.")
    names: dict[str, str] = Field({}, description="Names.")
    word: Annotated[str, is_text("a|b", "a | or b; give one")] = Field(
        "a", min_length=1, description="A word."
    )
    other: Annotated[str, is_text("c", "a c")] | None = Field(None, description="Or none.")


def test_every_key_of_the_config_says_what_it_means() -> None:
    assert undescribed(PipelineConfig) == []


def test_a_key_without_a_meaning_is_named_with_its_place() -> None:
    class Bare(Section):
        size: int = 3

    class Holder(Section):
        """Holds a bare one."""

        bare: Bare = Bare()
        other: list[Bare] = []

    assert undescribed(Holder) == ["bare", "other", "bare.size", "other[].size"]
    with pytest.raises(ValueError, match=r"bare, other, bare\.size, other\[\]\.size: nothing says"):
        reference(Holder)


def test_sections_stand_where_they_are_held() -> None:
    assert [(place.key, place.section) for place in places(Whole)] == [
        ("", Whole),
        ("loss", Near),
        ("loss", Far),
        ("bounds[]", Bound),
    ]


def test_type_bounds_and_default_are_those_that_are_enforced() -> None:
    page = reference(Whole)
    assert "| `margin` | number, > 0, ≤ 1 | `0.5` | How far \\| and no farther. |" in page
    assert "| `at` | whole number, ≥ 1,000 | **required** | Where. |" in page
    assert "| [`bounds`](#bounds) | list of section, at least 1 entry | `[{at: 2000}]` |" in page
    assert "| `box` | list of 2: number or `null` | `null` | Two numbers. |" in page
    assert "| `names` | map of text to text | `{}` | Names. |" in page
    assert "| `word` | text, at least 1 character, a \\| or b | `a` | A word. |" in page
    assert "| `other` | text or `null`, a c | `null` | Or none. |" in page


def test_sections_of_a_union_are_told_apart() -> None:
    page = reference(Whole)
    value = "section of one name: [`near`](#loss.near), [`far`](#loss.far)"
    assert f"| `loss` | {value} | `{{name: near}}` | Losses that know one number. Losses" in page
    assert "## `loss`, `name: near` { #loss.near }\n\nLosses that know one number." in page
    assert "## `loss`, `name: far` { #loss.far }\n\nLosses that know none.\n\nExample:\n\n" in page
    assert "Example:\n\n```python\n>>> Far()\nfar\n```\n" in page
    assert "| `name` | `far` | `far` | Tells this section from others in its place. |" in page


def test_a_literal_block_of_a_docstring_is_one_on_the_page() -> None:
    assert "Where a server is:\n\n    [run, it]\n" in reference(Whole)


def test_the_whole_config_has_a_page() -> None:
    page = reference(PipelineConfig)
    assert "| `max_quarantined` | number, ≥ 0, ≤ 1 | `0.01` |" in page
    assert "## `decision` { #decision }" in page
    # As a user writes it.
    assert "`[{metric: auc, min: 0.6, may_worsen_by: 0.02}]`" in page
