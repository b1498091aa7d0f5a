"""Who trains together: TF_CONFIG as it is set elsewhere, and the cluster of one machine."""

import json
from typing import Any

import pytest

from components.trainer.workers.cluster import Member, given_member, local_members, variables


def given(workers: int, **described: Any) -> Member | None:
    return given_member({"TF_CONFIG": json.dumps(described)}, workers)


def test_without_the_variable_nobody_is_given() -> None:
    assert given_member({}, 2) is None
    assert given_member({"TF_CONFIG": ""}, 2) is None


def test_a_chief_comes_before_the_workers() -> None:
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    for job, index, member in (
        ("chief", 0, Member(0, 3, "a:1")),
        ("worker", 0, Member(1, 3, "b:1")),
        ("worker", 1, Member(2, 3, "c:1")),
    ):
        assert given(3, cluster=cluster, task={"type": job, "index": index}) == member
    # Vertex AI gives the index as text.
    alone = {"worker": ["b:1", "c:1"]}
    found = given(2, cluster=alone, task={"type": "worker", "index": "0"}, environment="cloud")
    assert str(found) == "worker 0, the chief, of 2 (b:1)"


@pytest.mark.parametrize(
    ("cluster", "task"),
    [
        ({"worker": ["a:1", "b:1"], "ps": ["c:1"]}, {"type": "worker", "index": 0}),
        ({"worker": ["a:1", "b:1"]}, {"type": "evaluator", "index": 0}),
        ({"worker": ["a:1", "b:1"]}, {"type": "worker", "index": 2}),
        ({"worker": ["a:1", "b:1"]}, {"type": "worker"}),
        (["a:1", "b:1"], {"type": "worker", "index": 0}),
    ],
)
def test_what_says_not_who_trains_is_refused(cluster: Any, task: Any) -> None:
    with pytest.raises(ValueError, match=r"does not say who trains together .* or unset it"):
        given(2, cluster=cluster, task=task)
    with pytest.raises(ValueError, match=r"TF_CONFIG is '{'"):
        given_member({"TF_CONFIG": "{"}, 2)


def test_a_cluster_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"workers is 3, and TF_CONFIG describes 2 \(a:1, b:1\)"):
        given(3, cluster={"worker": ["a:1", "b:1"]}, task={"type": "worker", "index": 0})


def test_the_workers_of_one_machine_find_themselves_in_what_they_are_told() -> None:
    members = local_members(3)
    assert len({member.address for member in members}) == 3
    for place, member in enumerate(members):
        told = variables(members, place)
        assert given_member(told, 3) == member
        assert told["CUDA_VISIBLE_DEVICES"] == "-1"
