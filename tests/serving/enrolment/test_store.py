import sqlite3
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serving.enrolment import (
    EnrolmentError,
    ModelVersion,
    TemplateCipher,
    TemplateKeyError,
    TemplateStore,
    new_key,
)

MODEL = ModelVersion("faceauth", 3)
KEY = new_key()
# Recognisable in a dump of the database, were it not encrypted.
TEMPLATES = np.array([[1.5, -2.25, 3.125], [4, 5, 6]], np.float32)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/faceauth.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(url):
    store = TemplateStore(url, TemplateCipher(KEY))
    yield store
    for identity in ("ada", "bob", "eve"):
        store.forget(identity)
    store.close()


def test_templates_come_back_as_they_were(store):
    store.put("ada", MODEL, TEMPLATES)
    store.put("bob", MODEL, TEMPLATES[:1] + 1)
    assert store.get("ada", MODEL).tolist() == TEMPLATES.tolist()
    assert store.get("ada", MODEL).dtype == np.float32
    assert store.made_by("ada") == MODEL
    everyone = store.everyone(MODEL)
    assert everyone.new.identities == ["ada", "ada", "bob"]
    assert everyone.new.vectors.tolist() == [*TEMPLATES.tolist(), (TEMPLATES[0] + 1).tolist()]


def test_enrolling_again_replaces(store):
    store.put("ada", MODEL, TEMPLATES)
    later = ModelVersion("faceauth", 4)
    store.put("ada", later, TEMPLATES[1:])
    assert store.made_by("ada") == later
    assert len(store.get("ada", MODEL)) == 0
    assert store.get("ada", later).tolist() == [[4, 5, 6]]


def test_changes_are_what_came_and_went(store):
    store.put("ada", MODEL, TEMPLATES)
    start = store.everyone(MODEL)
    assert store.changes(MODEL, start.revision).gone == []
    assert len(store.changes(MODEL, start.revision).new) == 0
    ada = start.new.ids.tolist()
    store.put("bob", MODEL, TEMPLATES[:1])
    store.put("eve", ModelVersion("faceauth", 4), TEMPLATES)
    store.put("ada", MODEL, TEMPLATES[1:])
    changes = store.changes(MODEL, start.revision)
    assert changes.gone == ada
    assert changes.new.identities == ["bob", "ada"]
    assert changes.new.vectors.tolist() == [TEMPLATES[0].tolist(), TEMPLATES[1].tolist()]
    # What came and went in between is not new; its number may be among the gone.
    store.forget("bob")
    changes = store.changes(MODEL, start.revision)
    assert changes.new.identities == ["ada"]
    assert changes.revision == store.revision() == start.revision + 4


def test_who_follows_misses_no_change_of_several_writers(url):
    people = [f"p{number}" for number in range(6)]

    def write(seed):
        writer = TemplateStore(url, TemplateCipher(KEY))
        random = np.random.default_rng(seed)
        for _ in range(15):
            writer.put(random.choice(people), MODEL, random.standard_normal((2, 3)))
        writer.close()

    store = TemplateStore(url, TemplateCipher(KEY))
    known, start = {}, store.revision()
    revision = start

    def follow():
        changes = store.changes(MODEL, revision)
        for number in changes.gone:
            known.pop(number, None)
        new = changes.new
        known.update(zip(new.ids.tolist(), new.vectors.tolist(), strict=True))
        return changes.revision

    with ThreadPoolExecutor() as executor:
        writers = [executor.submit(write, seed) for seed in range(3)]
        while not all(writer.done() for writer in writers):
            revision = follow()
    for writer in writers:
        writer.result()
    assert follow() == start + 45
    everyone = store.everyone(MODEL).new
    assert known == dict(zip(everyone.ids.tolist(), everyone.vectors.tolist(), strict=True))
    for identity in people:
        store.forget(identity)
    store.close()


def test_forgetting_deletes_and_takes_the_name_out_of_the_log(store):
    store.put("ada", MODEL, TEMPLATES)
    store.log("authenticate", "ada", MODEL, "accepted")
    before = store.revision()
    assert store.forget("ada") == 2
    assert store.revision() > before
    assert store.made_by("ada") is None
    assert store.forget("ada") == 0
    assert "ada" not in [record.identity for record in store.decisions()]
    last = store.decisions()[-1]
    assert (last.action, last.identity, last.made_by, last.outcome) == (
        "authenticate",
        None,
        MODEL,
        "accepted",
    )


def test_the_file_holds_no_template_in_plain(tmp_path):
    path = tmp_path / "faceauth.db"
    store = TemplateStore(f"sqlite:///{path}", TemplateCipher(KEY))
    store.put("ada", MODEL, TEMPLATES)
    store.close()
    content = path.read_bytes()
    assert b"ada" in content
    for template in TEMPLATES:
        assert template.tobytes() not in content
    assert path.stat().st_mode & 0o077 == 0


def test_another_key_or_a_moved_row_does_not_open(tmp_path):
    path = tmp_path / "faceauth.db"
    url = f"sqlite:///{path}"
    store = TemplateStore(url, TemplateCipher(KEY))
    store.put("ada", MODEL, TEMPLATES)
    store.put("bob", MODEL, TEMPLATES)
    with pytest.raises(TemplateKeyError, match="not the key"):
        TemplateStore(url, TemplateCipher(new_key())).get("ada", MODEL)
    with sqlite3.connect(path) as raw:
        raw.execute(
            "update template set sealed = (select sealed from template where identity = 'ada')"
            " where identity = 'bob'"
        )
    with pytest.raises(TemplateKeyError, match="changed"):
        store.get("bob", MODEL)
    assert store.get("ada", MODEL).tolist() == TEMPLATES.tolist()
    store.close()


def test_keys_are_checked(monkeypatch):
    for key, says in (("not base64!", "base64"), ("c2hvcnQ=", "5 bytes")):
        with pytest.raises(TemplateKeyError, match=says):
            TemplateCipher(key)
    monkeypatch.delenv("FACEAUTH_TEMPLATE_KEY", raising=False)
    with pytest.raises(TemplateKeyError, match="faceauth new-key"):
        TemplateCipher.from_environment()
    monkeypatch.setenv("FACEAUTH_TEMPLATE_KEY", KEY)
    sealed = TemplateCipher.from_environment().encrypt(b"x", "me")
    assert TemplateCipher(KEY).decrypt(sealed, "me") == b"x"


def test_a_store_that_cannot_be_opened_is_said(tmp_path):
    for url in (
        "nonsense",
        f"sqlite:///{tmp_path}/no/such/folder/f.db",
        "postgresql+none://u:pw@h/d",
    ):
        with pytest.raises(EnrolmentError, match="SQLAlchemy URL") as caught:
            TemplateStore(url, TemplateCipher(KEY))
        assert "pw" not in str(caught.value)
