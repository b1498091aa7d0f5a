import sqlite3
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serving.enrolment import (
    EnrolmentError,
    ModelVersion,
    StoreError,
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


def test_another_key_changes_nothing(url, store):
    store.put("ada", MODEL, TEMPLATES)
    other = TemplateStore(url, TemplateCipher(new_key()))
    for identity in ("ada", "bob"):
        with pytest.raises(TemplateKeyError, match="not the key"):
            other.put(identity, MODEL, TEMPLATES + 1)
    assert store.everyone(MODEL).new.identities == ["ada", "ada"]
    assert store.get("ada", MODEL).tolist() == TEMPLATES.tolist()
    # Without it, somebody can still be forgotten; then the store is empty, and takes any key.
    assert other.forget("ada") == 2
    other.put("eve", MODEL, TEMPLATES)
    assert other.get("eve", MODEL).tolist() == TEMPLATES.tolist()
    with pytest.raises(TemplateKeyError, match="not the key"):
        store.put("bob", MODEL, TEMPLATES)
    other.close()


def test_an_old_row_that_is_put_back_does_not_open(tmp_path):
    path = tmp_path / "faceauth.db"
    store = TemplateStore(f"sqlite:///{path}", TemplateCipher(KEY))
    store.put("ada", MODEL, TEMPLATES[:1])
    with sqlite3.connect(path) as raw:
        [old] = raw.execute("select * from template").fetchall()
    store.put("ada", MODEL, TEMPLATES[1:])
    assert store.get("ada", MODEL).tolist() == TEMPLATES[1:].tolist()
    for forgotten in (False, True):
        if forgotten:
            store.forget("ada")
        with sqlite3.connect(path) as raw:
            raw.execute("delete from template")
            raw.execute(f"insert into template values ({', '.join('?' * len(old))})", old)
        for read in (lambda: store.get("ada", MODEL), lambda: store.templates(["ada"], MODEL)):
            with pytest.raises(TemplateKeyError, match="put back"):
                read()
    # Nor with the number of the last enrolment written beside it.
    with sqlite3.connect(path) as raw:
        raw.execute("update template set generation = 3")
    with pytest.raises(TemplateKeyError, match="changed"):
        store.get("ada", MODEL)
    store.close()


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_no_byte_of_who_was_forgotten_is_left(tmp_path, mode):
    path = tmp_path / "faceauth.db"
    with sqlite3.connect(path) as raw:
        raw.execute(f"pragma journal_mode = {mode}")
    store = TemplateStore(f"sqlite:///{path}", TemplateCipher(KEY))
    store.put("Ada-who-left", MODEL, TEMPLATES)
    store.put("Bob-who-stays", MODEL, TEMPLATES)
    store.log("authenticate", "Ada-who-left", MODEL, "accepted")
    with sqlite3.connect(path) as raw:
        its = "select sealed from template where identity = 'Ada-who-left'"
        sealed = [content for (content,) in raw.execute(its)]
    store.forget("Ada-who-left")
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Bob-who-stays" in left
    assert b"Ada-who-left" not in left
    assert not any(content in left for content in sealed)
    store.close()


def test_templates_belong_to_a_network_and_not_to_a_number(store):
    network, other = "a" * 64, "b" * 64
    made_by = ModelVersion("faceauth", 3, network)
    store.put("ada", made_by, TEMPLATES)
    # Pushed again with another decision, under another number.
    again = ModelVersion("faceauth", 7, network)
    assert store.get("ada", again).tolist() == TEMPLATES.tolist()
    assert store.made_by("ada").embeds_as(again)
    for changed in (ModelVersion("faceauth", 3, other), MODEL):
        assert len(store.get("ada", changed)) == 0
        assert not store.made_by("ada").embeds_as(changed)
    assert MODEL.embeds_as(ModelVersion("faceauth", 3))
    assert str(made_by) == "faceauth version 3 (network aaaaaaaa)"


def test_a_store_of_an_earlier_release_goes_on(tmp_path):
    path = tmp_path / "faceauth.db"
    sealed = TemplateCipher(KEY).encrypt(TEMPLATES[0].tobytes(), "3:ada8:faceauth3")
    with sqlite3.connect(path) as raw:
        raw.execute(
            "create table template (id integer primary key, identity varchar(200) not null, model"
            " varchar(200) not null, version bigint not null, created datetime not null, sealed"
            " blob not null)"
        )
        row = (1, "ada", "faceauth", 3, "2026-11-01 00:00:00", sealed)
        raw.execute("insert into template values (?, ?, ?, ?, ?, ?)", row)
    with pytest.raises(TemplateKeyError, match="not the key"):
        TemplateStore(f"sqlite:///{path}", TemplateCipher(new_key())).put("b", MODEL, TEMPLATES)
    store = TemplateStore(f"sqlite:///{path}", TemplateCipher(KEY))
    assert store.get("ada", MODEL).tolist() == TEMPLATES[:1].tolist()
    store.put("bob", MODEL, TEMPLATES)
    assert store.enrolled() == {MODEL: 2}
    assert path.stat().st_mode & 0o077 == 0
    store.close()


def test_a_locked_store_tells_no_name(tmp_path):
    store = TemplateStore(f"sqlite:///{tmp_path}/f.db?timeout=0.1", TemplateCipher(KEY))
    other = sqlite3.connect(tmp_path / "f.db", isolation_level=None)
    other.execute("begin exclusive")
    for act in (
        lambda: store.put("ada", MODEL, TEMPLATES),
        lambda: store.get("ada", MODEL),
        lambda: store.forget("ada"),
        lambda: store.log("authenticate", "ada", MODEL, "accepted"),
    ):
        with pytest.raises(StoreError, match="database is locked") as caught:
            act()
        assert "ada" not in str(caught.value)
    other.close()
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
