from faces import DLIB_150
from serving.client import Client, Endpoint
from serving.web.served_model import ServedModel, strangers_of


def test_facts(face_server, toy_server, tmp_path):
    with Client(Endpoint(face_server.rest_url)) as client:
        facts = ServedModel(client, tmp_path).facts()
        assert (facts.canvas, facts.strangers) == (DLIB_150, None)
    with Client(Endpoint(toy_server.rest_url)) as client:
        assert ServedModel(client).facts().canvas is None


def test_what_a_decision_does_not_say():
    assert strangers_of(None) is None
    assert strangers_of({"rates_95": {"fmr": None}, "calibrated_on": {}}) is None
    assert strangers_of({"threshold": 1.0}) is None
