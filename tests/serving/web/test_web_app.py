import base64
import io
import sqlite3

import httpx
import pytest
from PIL import Image
from starlette.testclient import TestClient

from serving.web.app import web_app
from serving.web.served_model import ModelFacts
from serving.web.session import Session


@pytest.fixture
def call(page_url):
    def post(action, **content):
        return httpx.post(f"{page_url}/api/{action}", json=content, timeout=30)

    return post


def text(content):
    return base64.b64encode(content).decode()


def test_enrol_authenticate_and_forget(call, face):
    one, other = text(face(1)), text(face(2))
    seen = {"width": 96, "height": 96, "usable": True, "state": "ok", "message": ""}
    answer = call("enroll", id=" ada ", photos=[one, one]).json()
    assert answer == {"templates": 2, "photos": [seen, seen]}
    answer = call("authenticate", id="ada", photos=[one]).json()
    assert answer["accepted"] is True
    assert answer["threshold"] == 0.5
    assert answer["templates"] == 2
    assert answer["strangers"] == {
        "rate": 0.0005,
        "low": 0.0002,
        "high": 0.001,
        "people": 411,
        "couples": 51284,
    }
    answer = call("authenticate", id="ada", photos=[other]).json()
    assert answer["accepted"] is False
    assert answer["score"] < 0.5
    assert call("forget", id="ada").json() == {"deleted": 2}
    missing = call("authenticate", id="ada", photos=[one])
    assert missing.status_code == 404
    assert "Enrol first" in missing.json()["error"]


def test_the_unusable_photo_is_named(call, face):
    buffer = io.BytesIO()
    Image.new("L", (100, 100)).save(buffer, "PNG")
    answer = call("enroll", id="ada", photos=[text(face(1)), text(buffer.getvalue())])
    assert answer.status_code == 422
    body = answer.json()
    assert body["error"] == "The photo is too dark. Turn towards the light."
    assert body["photo"] == 1
    assert body["look"]["state"] == "too_dark"


def test_the_aligned_face_is_what_is_compared(face_page_url, face_in_room):
    def call(action, image, **content):
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        content["photos"] = [text(buffer.getvalue())]
        return httpx.post(f"{face_page_url}/api/{action}", json=content, timeout=60)

    look = call("look", face_in_room(300)).json()
    assert look["looks_for_faces"] is True
    assert (look["width"], look["height"], look["usable"]) == (640, 480, True)
    assert 300 < look["box"][0] < look["landmarks"][2][0] < look["box"][2] < 540
    content = base64.b64decode(look["aligned"])
    assert Image.open(io.BytesIO(content)).size == (150, 150)
    assert call("enroll", face_in_room(0), id="ada").json()["templates"] == 1
    assert call("authenticate", face_in_room(300), id="ada").json()["accepted"] is True
    answer = call("enroll", Image.effect_noise((640, 480), 80), id="ada")
    assert answer.status_code == 422
    assert answer.json()["look"]["state"] == "no_face"
    assert "No face was found" in answer.json()["error"]
    assert "too dark" in call("enroll", Image.new("RGB", (640, 480)), id="ada").json()["error"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"photos": ["eA=="]}, "Type an ID"),
        ({"id": "  ", "photos": ["eA=="]}, "Type an ID"),
        ({"id": "ada"}, "at least one photo"),
        ({"id": "ada", "photos": []}, "at least one photo"),
        ({"id": "ada", "photos": [3]}, "at least one photo"),
        ({"id": "ada", "photos": ["%"]}, "base64"),
    ],
)
def test_what_the_page_would_not_send_is_refused(call, content, says):
    answer = call("enroll", **content)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_an_id_that_is_no_text_is_refused(page_url):
    for identity in (b"a\\ud800", b"a\\u0000"):
        body = b'{"id": "' + identity + b'"}'
        json_type = {"Content-Type": "application/json"}
        answer = httpx.post(f"{page_url}/api/forget", content=body, headers=json_type)
        assert answer.status_code == 400
        assert "printable" in answer.json()["error"]


def test_a_body_of_many_values_is_refused(page_url):
    body = b'{"id": "ada", "photos": [' + b"0," * 2000 + b"0]}"
    json_type = {"Content-Type": "application/json"}
    answer = httpx.post(f"{page_url}/api/enroll", content=body, headers=json_type)
    assert answer.status_code == 400
    assert "more than 1000 values" in answer.json()["error"]


def test_other_sites_cannot_act_here(page_url):
    url = f"{page_url}/api/forget"
    body = b'{"id": "ada"}'
    form = httpx.post(url, content=body, headers={"Content-Type": "text/plain"})
    assert form.status_code == 400
    elsewhere = {"Content-Type": "application/json", "Origin": "https://example.com"}
    assert httpx.post(url, content=body, headers=elsewhere).status_code == 400
    for malformed in ("http://[", "//", "null"):
        broken = {"Content-Type": "application/json", "Origin": malformed}
        assert httpx.post(url, content=body, headers=broken).status_code == 400
    here = {"Content-Type": "application/json", "Origin": page_url}
    assert httpx.post(url, content=body, headers=here).status_code == 404
    headers = httpx.get(page_url).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_a_store_that_cannot_be_read_is_no_decision(page_url, tmp_path, face):
    other = sqlite3.connect(tmp_path / "web.db", isolation_level=None)
    other.execute("begin exclusive")
    content = {"id": "ada", "photos": [text(face(1))]}
    for action in ("authenticate", "enroll", "forget"):
        answer = httpx.post(f"{page_url}/api/{action}", json=content, timeout=60)
        assert answer.status_code == 503
        assert set(answer.json()) == {"error"}
        assert "ada" not in answer.text
    other.close()


def test_only_names_of_the_page_and_who_has_its_token():
    session = Session("127.0.0.1", ["door.example"])
    app = web_app(None, ModelFacts, session)
    url = "http://127.0.0.1:8080"
    with TestClient(app, base_url=url, follow_redirects=False) as browser:
        assert browser.get("/").status_code == 403
        assert browser.post("/api/forget", json={"id": "ada"}).status_code == 403
        assert browser.get("/?token=guessed").status_code == 403
        entered = browser.get(session.address(""))
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        cookie = entered.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get("/").status_code == 200
        for host in ("localhost:8080", "127.0.0.1", "[::1]:8080", "DOOR.example"):
            assert browser.get("/", headers={"host": host}).status_code == 200
        for host in ("evil.example", "127.0.0.1.evil.example", "", "[", "door.example@evil"):
            refused = browser.get("/", headers={"host": host})
            assert refused.status_code == 421
    # The token of one start is nothing to the next.
    assert session.address("") != Session("127.0.0.1").address("")
