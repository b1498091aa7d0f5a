import numpy as np
import pytest

from serving.client import SearchSpace
from serving.enrolment import ModelVersion, TemplateCipher, TemplateStore, new_key
from serving.enrolment import live_gallery as module
from serving.enrolment.live_gallery import LiveGallery

MODEL = ModelVersion("faceauth", 3)
OTHER = ModelVersion("faceauth", 4)


@pytest.fixture
def store(tmp_path):
    store = TemplateStore(f"sqlite:///{tmp_path}/faceauth.db", TemplateCipher(new_key()))
    yield store
    store.close()


@pytest.fixture
def reads(store, monkeypatch):
    """Counts how often all templates are read."""
    counted = []
    everyone = store.everyone
    monkeypatch.setattr(
        store, "everyone", lambda made_by: counted.append(made_by) or everyone(made_by)
    )
    return counted


def person(number, photos=1):
    return np.float32([[number, photo] for photo in range(photos)])


def names(gallery, probe, count=9):
    found, searched = gallery.search(np.float32(probe), count)
    return [match.identity for match, _ in found], searched


def test_it_follows_the_store_without_reading_all_again(store, reads):
    for number in range(4):
        store.put(f"p{number}", MODEL, person(number, photos=2))
    gallery = LiveGallery(store, MODEL)
    assert names(gallery, [1.2, 0]) == (["p1", "p2", "p0", "p3"], 8)

    store.put("new", MODEL, person(1.5))
    store.put("other", OTHER, person(1.2))
    assert names(gallery, [1.2, 0], count=3) == (["p1", "new", "p2"], 9)

    store.forget("p1")
    store.put("p2", MODEL, person(-1))  # another face, one photo
    assert names(gallery, [1.2, 0]) == (["new", "p0", "p3", "p2"], 6)
    assert gallery.people() == 4
    [(match, templates)], _ = gallery.search(np.float32([-1, 0]), 1)
    # At the probe itself: 1 - 1 / 2.
    assert (match.identity, match.closeness) == ("p2", 0.5)
    assert templates.tolist() == [[-1, 0]]

    store.put("new", OTHER, person(1.5))  # by another model now
    store.forget("p2")
    assert names(gallery, [1.2, 0]) == (["p0", "p3"], 4)
    for identity in ("p0", "p3"):
        store.forget(identity)
    assert names(gallery, [0, 0]) == ([], 0)
    assert reads == [MODEL]


def test_a_search_space_says_who_is_near(store):
    store.put("ada", MODEL, np.float32([[2, 1]]))
    store.put("bob", MODEL, np.float32([[0, 9]]))
    swapped = SearchSpace(True, None, np.float32([[0, 1], [1, 0]]), np.zeros(2, np.float32))
    gallery = LiveGallery(store, MODEL, space=swapped)
    store.put("eve", MODEL, np.float32([[1, 0]]))
    found, _ = gallery.search(np.float32([0, 4]), 3)
    # By the cosine alone, and the templates come back as they are.
    assert [(match.identity, its.tolist()) for match, its in found] == [
        ("bob", [[0, 9]]),
        ("ada", [[2, 1]]),
        ("eve", [[1, 0]]),
    ]
    assert found[1][0].closeness == pytest.approx(1 / 5**0.5)
    with pytest.raises(ValueError, match="of 3 numbers, and faceauth version 3 makes 2"):
        gallery.search(np.zeros(3), 1)


def test_who_is_forgotten_during_a_search_is_not_found(store, monkeypatch):
    store.put("ada", MODEL, person(1))
    store.put("bob", MODEL, person(2))
    gallery = LiveGallery(store, MODEL)
    templates = store.templates
    monkeypatch.setattr(store, "templates", lambda *who: store.forget("ada") and templates(*who))
    found, _ = gallery.search(np.float32([1, 0]), 2)
    assert [match.identity for match, _ in found] == ["bob"]


def test_a_change_between_the_revision_and_the_reading_counts_once(store, monkeypatch):
    store.put("ada", MODEL, person(1, photos=2))
    revision = store.revision

    def late():
        now = revision()
        monkeypatch.undo()
        store.put("bob", MODEL, person(2))
        store.put("ada", MODEL, person(3))
        return now

    monkeypatch.setattr(store, "revision", late)
    gallery = LiveGallery(store, MODEL)
    assert names(gallery, [0, 0]) == (["bob", "ada"], 2)


def test_after_many_changes_all_are_read_again(store, reads, monkeypatch):
    monkeypatch.setattr(module, "_FEW", 5)
    gallery = LiveGallery(store, MODEL)
    for number in range(12):
        store.put(f"p{number}", MODEL, person(number))
        assert names(gallery, [number, 0], count=1) == ([f"p{number}"], number + 1)
    # When there is none yet, with the first, and with the sixth after that.
    assert len(reads) == 3


def test_an_approximate_search_follows_too_and_is_said(store, caplog):
    for number in range(20):
        store.put(f"p{number}", MODEL, person(number))
    gallery = LiveGallery(store, MODEL, exact_numbers=10)
    assert "20 templates of 2 numbers, more than 10 together" in caplog.text
    store.forget("p3")
    store.put("p7", MODEL, person(40))
    store.put("new", MODEL, person(3.1))
    assert names(gallery, [3, 0], count=1) == (["new"], 20)
    assert names(gallery, [40, 0], count=1) == (["p7"], 20)
    assert names(gallery, [8, 0], count=1) == (["p8"], 20)


def test_it_finds_what_a_gallery_read_at_once_finds(store, monkeypatch):
    monkeypatch.setattr(module, "_FEW", 40)
    random = np.random.default_rng(0)
    gallery = LiveGallery(store, MODEL)
    for step in range(150):
        identity = f"p{random.integers(30)}"
        if random.random() < 0.3:
            store.forget(identity)
        else:
            vectors = random.standard_normal((random.integers(1, 4), 3)).astype(np.float32)
            store.put(identity, MODEL, vectors)
        if step % 5 == 4:
            probe = random.standard_normal(3)
            at_once = LiveGallery(store, MODEL).search(probe, 8)
            followed = gallery.search(probe, 8)
            assert followed[1] == at_once[1]
            for (one, its), (other, others) in zip(followed[0], at_once[0], strict=True):
                assert one.identity == other.identity
                assert one.closeness == pytest.approx(other.closeness, abs=1e-6)
                assert its.tolist() == others.tolist()
