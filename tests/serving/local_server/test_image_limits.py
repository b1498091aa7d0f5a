import io
import struct
import zlib

import pytest
from PIL import Image

from serving.local_server.images import check_images
from serving.local_server.status import Code, StatusError


def png_header(width, height):
    """A PNG whose header announces any size and whose pixels are a few bytes."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


def jpeg(width, height):
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, format="JPEG")
    return buffer.getvalue()


def message(images, limit=100):
    with pytest.raises(StatusError) as caught:
        check_images("image_a", images, limit)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


def test_the_limit_is_width_times_height():
    check_images("image", [jpeg(10, 10), png_header(20, 5)], 100)
    assert "10 x 11 pixels" in message([jpeg(10, 10), jpeg(10, 11)])
    assert "image_a[1]" in message([jpeg(10, 10), png_header(101, 1)])


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_bomb_is_refused_by_its_header(side):
    bomb = png_header(side, side)
    assert len(bomb) < 200
    assert "pixels" in message([bomb], 25_000_000)


def test_what_is_no_jpeg_or_png_is_refused():
    gif = io.BytesIO()
    Image.new("L", (2, 2)).save(gif, format="GIF")
    assert "zero bytes" in message([b""])
    assert "not a JPEG or PNG" in message([b"hello"])
    assert "not a JPEG or PNG" in message([gif.getvalue()])
    assert "not a JPEG or PNG" in message([jpeg(4, 4)[:10]])
    # A PNG with a broken first chunk.
    assert "not a JPEG or PNG" in message([png_header(4, 4)[:12] + b"\xff" * 20])
