"""What clients send at one time: no more rows than a server lets wait, which are 512."""

import numpy as np
import pytest

from serving.client.calls import (
    compare_calls,
    embed_calls,
    search_space,
    search_space_calls,
    verify_calls,
)
from serving.client.errors import ContractError


def test_513_comparisons_are_three_calls():
    a = np.arange(513 * 2, dtype=np.float32).reshape(513, 2)
    calls = list(compare_calls(a, -a))
    assert [call.rows for call in calls] == [256, 256, 1]
    for name, whole in (("embedding_a", a), ("embedding_b", -a)):
        assert np.concatenate([call.inputs[name] for call in calls]).tolist() == whole.tolist()


def test_photos_go_by_rows_and_by_bytes():
    large, small = b"L" * (3 * 2**20), b"s"
    # Ten of three MiB fit into 32 MiB, and 32 small ones into a call.
    calls = list(embed_calls([large] * 13 + [small] * 40))
    assert [call.rows for call in calls] == [10, 32, 11]
    assert [one for call in calls for one in call.inputs["image"]] == [large] * 13 + [small] * 40
    # Both sides count, and one that is larger than all still goes, alone.
    sides = [large, b"h" * (33 * 2**20), small], [large, large, small]
    calls = list(verify_calls(*sides))
    assert [call.rows for call in calls] == [1, 1, 1]
    for name, side in zip(("image_a", "image_b"), sides, strict=True):
        assert [one for call in calls for one in call.inputs[name]] == side
    assert not list(embed_calls([]))


def answered(call):
    """What a model says of dimensions: a matrix of their numbers, and half of these as weights."""
    dimension = call.inputs["dimension"]
    return {
        "unit_length": np.zeros(call.rows, bool),
        "mean": dimension / 4,
        "weight": dimension / 2,
        "matrix": np.repeat(dimension[:, None], 600, axis=1),
    }


def test_the_search_space_of_many_dimensions_is_asked_for_in_parts():
    calls = search_space_calls(600)
    assert [call.rows for call in calls] == [256, 256, 88]
    space = search_space("url", calls, [answered(call) for call in calls])
    numbers = np.arange(600)
    assert space.weight.tolist() == (numbers / 2).tolist()
    assert space.mean.tolist() == (numbers / 4).tolist()
    assert space.matrix[:, 7].tolist() == numbers.tolist()
    assert not space.unit_length
    with pytest.raises(ContractError, match="88 rows with shape"):
        search_space("url", calls, [answered(call) for call in calls[:2]] + [answered(calls[0])])
