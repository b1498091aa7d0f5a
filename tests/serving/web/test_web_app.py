import asyncio
import base64
import io

import httpx
import pytest
from PIL import Image, ImageFilter

from serving.framing import FaceFramer
from serving.web.app import web_app


@pytest.fixture
def call(page_url):
    def post(action, **content):
        return httpx.post(f"{page_url}/api/{action}", json=content, timeout=30)

    return post


def text(content):
    return base64.b64encode(content).decode()


def test_enrol_authenticate_and_forget(call, face):
    one, other = text(face(1)), text(face(2))
    assert call("enroll", id=" ada ", photos=[one, one]).json() == {"templates": 2}
    answer = call("authenticate", id="ada", photos=[one]).json()
    assert answer["accepted"] is True
    assert answer["threshold"] == 0.5
    assert answer["templates"] == 2
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
    assert answer.json() == {
        "error": "The photo is too dark. Turn towards the light.",
        "photo": 1,
    }


class Enrolled:
    """Keeps what it is given to enrol."""

    def __init__(self):
        self.photos = []

    def enroll(self, identity, photos):
        self.photos += photos
        return len(photos)


def test_what_is_around_the_face_is_compared(face_in_room):
    framer, enrolled = FaceFramer(), Enrolled()
    app = web_app(enrolled, framer.frame)

    async def post(content):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return await client.post("/api/enroll", json=content)

    def enroll(image):
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        content = {"id": "ada", "photos": [text(buffer.getvalue())]}
        return buffer.getvalue(), asyncio.run(post(content))

    room = Image.new("RGB", (640, 480), (128, 128, 128))
    photo = face_in_room(300)
    content, answer = enroll(photo)
    assert answer.json() == {"templates": 1, "faces": [text(framer.frame(content))]}
    assert enrolled.photos == [framer.frame(content)]
    # A blank wall is sharp nowhere; in a sharp picture without a face, the face is what is missing.
    for picture, says in (
        (room, "too blurred"),
        (room.point(lambda value: value // 16), "too dark"),
        (Image.effect_noise((640, 480), 80), "No face was found"),
        (photo.filter(ImageFilter.GaussianBlur(8)), "blurred"),
    ):
        _, answer = enroll(picture)
        assert answer.status_code == 422
        assert says in answer.json()["error"]
    assert len(enrolled.photos) == 1


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


def test_other_sites_cannot_act_here(page_url):
    url = f"{page_url}/api/forget"
    body = b'{"id": "ada"}'
    form = httpx.post(url, content=body, headers={"Content-Type": "text/plain"})
    assert form.status_code == 400
    elsewhere = {"Content-Type": "application/json", "Origin": "https://example.com"}
    assert httpx.post(url, content=body, headers=elsewhere).status_code == 400
    here = {"Content-Type": "application/json", "Origin": page_url}
    assert httpx.post(url, content=body, headers=here).status_code == 404
    headers = httpx.get(page_url).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
