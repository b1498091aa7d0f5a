"""Workers of a service see no folder of the machine that sends them work."""

import uuid

import tensorflow as tf

from components.models_at_workers import Models, at_workers, networks_of
from components.pair_scorer.embedding import numbers_an_image


def test_a_model_of_this_machine_is_copied_to_where_workers_are(models) -> None:
    _, baseline = models
    here = f"{baseline}/Format-Serving"
    beside = f"ram://{uuid.uuid4().hex}/scored_pairs/9/.unfinished/models/1"
    there = at_workers(here, beside)
    assert there == beside
    assert networks_of((there,)) == networks_of((here,))
    assert numbers_an_image((there,)) == 2
    [found] = Models((there,)).embed(networks_of((there,))[0], tf.constant(["3"]))
    assert found.tolist() == [30, 0]


def test_a_model_stays_where_workers_see_it(models, tmp_path) -> None:
    candidate, _ = models
    assert at_workers(str(candidate), f"{tmp_path}/models/0") == str(candidate)
    assert at_workers("ram://a/model/1", "ram://b/models/0") == "ram://a/model/1"
