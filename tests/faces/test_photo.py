"""Files of photos, good and bad, of every kind that people have."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from faces import photo as module
from faces.errors import PhotoError
from faces.photo import read_photo

# Four colours, one a corner: whatever is turned or mirrored shows.
CORNERS = np.zeros((40, 60, 3), np.uint8)
CORNERS[:20, :30] = (250, 10, 10)
CORNERS[:20, 30:] = (10, 240, 10)
CORNERS[20:, :30] = (10, 10, 230)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reason_of(photo: object) -> str:
    with pytest.raises(PhotoError) as raised:
        read_photo(photo)  # type: ignore[arg-type]
    assert str(raised.value).endswith(".")
    return raised.value.reason


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG"])
def test_every_format_gives_its_pixels(kind):
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    read = read_photo(encoded(Image.fromarray(CORNERS), kind, **options.get(kind, {})))
    assert read.pixels.dtype == np.uint8
    assert (read.width, read.height) == (60, 40)
    # A JPEG rounds; the others keep what they were given.
    np.testing.assert_allclose(read.pixels, CORNERS, atol=4 if kind == "JPEG" else 0)


def test_content_decides_and_not_the_name(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(Image.fromarray(CORNERS), "PNG"))
    np.testing.assert_array_equal(read_photo(path).pixels, CORNERS)
    np.testing.assert_array_equal(read_photo(str(path)).pixels, CORNERS)


# What the values mean, by the EXIF standard: where the picture's row 0 and column 0 lie.
@pytest.mark.parametrize(
    ("value", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a)),
        (9, lambda a: a),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_orientation(value, upright, kind):
    exif = Image.Exif()
    exif[0x0112] = value
    options = {"lossless": True} if kind == "WEBP" else {}
    read = read_photo(encoded(Image.fromarray(CORNERS), kind, exif=exif, **options))
    np.testing.assert_array_equal(read.pixels, upright(CORNERS))
    assert (read.height, read.width) == read.pixels.shape[:2]


def exif_block(*entries: tuple[int, int, int, bytes], order: str = "<") -> bytes:
    """An EXIF block of (tag, type, count, four bytes of value)."""
    body = b"".join(struct.pack(f"{order}HHI", *entry[:3]) + entry[3] for entry in entries)
    start = b"II*\0" if order == "<" else b"MM\0*"
    count = struct.pack(f"{order}H", len(entries))
    return b"Exif\0\0" + start + struct.pack(f"{order}I", 8) + count + body + bytes(4)


SIDEWAYS = (0x0112, 3, 1, b"\6\0\0\0")


@pytest.mark.parametrize(
    "strange",
    [
        (0x0100, 2, 4, b"abc\0"),  # ImageWidth as text
        (0x0100, 5, 1, b"\xff\xff\0\0"),  # as a fraction that lies nowhere
        (0x0100, 12, 1, b"\0\0\0\0"),  # as a double that lies in the header
        (0x011A, 2, 4, b"abc\0"),  # XResolution as text
        (0x010F, 5, 1, b"\0\0\0\0"),  # Make as a fraction
        (0x8769, 4, 1, b"\xff\xff\xff\xff"),  # a block of its own that lies nowhere
    ],
)
def test_a_strange_tag_beside_the_orientation_costs_nothing(strange):
    for entries in ((strange, SIDEWAYS), (SIDEWAYS, strange)):
        exif = exif_block(*entries)
        read = read_photo(encoded(Image.fromarray(CORNERS), "JPEG", exif=exif, quality=100))
        assert read.pixels.shape == (60, 40, 3)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0XX*\0\x08\0\0\0",
        exif_block((0x0112, 2, 4, b"abc\0")),
        exif_block((0x0112, 3, 0, b"\6\0\0\0")),
        exif_block((0x0112, 3, 1, b"\xff\xff\0\0")),
        exif_block(SIDEWAYS)[:17],
    ],
)
def test_an_orientation_that_cannot_be_read_is_none(exif):
    content = encoded(Image.fromarray(CORNERS), "JPEG", exif=exif, quality=100)
    assert read_photo(content).pixels.shape == (40, 60, 3)


def test_a_tiff_whose_own_tags_are_strange():
    content = bytearray(encoded(Image.fromarray(CORNERS), "TIFF"))
    (at,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, at)
    # Its last tag becomes an orientation that is a text.
    struct.pack_into("<HHI", content, at + 2 + 12 * (entries - 1), 0x0112, 2, 4)
    np.testing.assert_array_equal(read_photo(bytes(content)).pixels, CORNERS)


def test_big_endian_orientation():
    exif = exif_block((0x0112, 3, 1, b"\0\6\0\0"), order=">")
    content = encoded(Image.fromarray(CORNERS), "JPEG", exif=exif)
    assert read_photo(content).pixels.shape == (60, 40, 3)


def test_sixteen_bits_are_scaled_to_eight():
    values = np.array([[0, 257, 128 * 257, 65_535]], np.uint16).repeat(4, axis=0)
    for kind in ("PNG", "TIFF"):
        pixels = read_photo(encoded(Image.fromarray(values), kind)).pixels
        np.testing.assert_array_equal(pixels[0, :, 0], [0, 1, 128, 255])
        np.testing.assert_array_equal(pixels[..., 0], pixels[..., 2])


@pytest.mark.parametrize(
    ("mode", "colour", "rgb"),
    [
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("LA", (77, 255), (77, 77, 77)),
        ("LA", (77, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        # Half of it over white: 255 - (255 - c) * 128 / 255.
        ("RGBA", (0, 100, 255, 128), (127, 177, 255)),
    ],
)
def test_grey_and_transparent_pictures(mode, colour, rgb):
    pixels = read_photo(encoded(Image.new(mode, (8, 8), colour), "PNG")).pixels
    np.testing.assert_array_equal(pixels[4, 4], rgb)


def test_palettes():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([9, 8, 7, 200, 100, 50])
    np.testing.assert_array_equal(read_photo(encoded(image, "PNG")).pixels[4, 4], (200, 100, 50))
    clear = encoded(image, "PNG", transparency=1)
    np.testing.assert_array_equal(read_photo(clear).pixels[4, 4], (255, 255, 255))


def test_cmyk():
    content = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    red, green, blue = read_photo(content).pixels[8, 8].astype(int)
    assert red > 240
    assert max(green, blue) < 20


def test_the_first_picture_of_a_moving_one():
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    content = encoded(first, "GIF", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read_photo(content).pixels[4, 4], (255, 0, 0))


def test_a_large_jpeg_is_decoded_reduced():
    # An eighth of 4,096 would be too few; a half is at least 2,000.
    content = encoded(Image.fromarray(CORNERS).resize((4096, 3072)), "JPEG")
    read = read_photo(content)
    assert read.pixels.shape == (1536, 2048, 3)
    assert (read.width, read.height) == (4096, 3072)
    np.testing.assert_allclose(read.pixels[100, 100], CORNERS[0, 0], atol=4)


def test_other_large_photos_are_reduced_afterwards():
    image = Image.fromarray(CORNERS).resize((6_000, 150), Image.Resampling.NEAREST)
    read = read_photo(encoded(image, "PNG"))
    assert read.pixels.shape == (50, 2_000, 3)
    assert (read.width, read.height) == (6_000, 150)


def bare_png(width: int, height: int) -> bytes:
    """A PNG of which only the header is there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_the_largest_photo(monkeypatch):
    with pytest.raises(PhotoError, match=r"10,000 x 7,001 pixels; at most 70 million") as raised:
        read_photo(bare_png(10_000, 7_001))
    assert raised.value.reason == "too_large"
    assert raised.value.details == {"width": 10_000, "height": 7_001}
    # A JPEG, which is decoded in rows, has a limit of its own.
    monkeypatch.setattr(module, "LARGEST_WHOLE", 0)
    photo = Image.fromarray(CORNERS)
    assert read_photo(encoded(photo, "JPEG")).width == 60
    assert reason_of(encoded(photo, "JPEG", progressive=True)) == "too_large"
    monkeypatch.setattr(module, "LARGEST_PHOTO", 60 * 40 - 1)
    assert reason_of(encoded(photo, "JPEG")) == "too_large"


def test_pillows_own_limit_does_not_count(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read_photo(encoded(Image.fromarray(CORNERS), "JPEG")).width == 60


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", bytes(100)])
def test_what_is_no_photo(content):
    assert reason_of(content) == "not_a_photo"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "BMP"])
def test_files_that_end_too_early(kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), kind)
    assert reason_of(content[: len(content) // 2]) in ("damaged", "not_a_photo")


def test_heic_without_its_reader(monkeypatch):
    monkeypatch.setattr(module, "_register_heif", lambda: False)
    assert reason_of(b"\0\0\0\x18ftypheic" + bytes(50)) == "needs_heif"


def test_heic():
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    heif.register_heif_opener()
    pixels = read_photo(encoded(Image.fromarray(CORNERS).resize((480, 320)), "HEIF")).pixels
    np.testing.assert_allclose(pixels[50, 50], CORNERS[0, 0], atol=12)


def test_what_is_no_file(tmp_path):
    assert reason_of(tmp_path) == "not_a_photo"
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason_of(tmp_path / "pipe.jpg") == "not_a_photo"
    with pytest.raises(FileNotFoundError):
        read_photo(tmp_path / "none.jpg")


def test_a_file_larger_than_any_photo_is_not_read(tmp_path):
    path = tmp_path / "film.jpg"
    with path.open("wb") as file:
        file.truncate(module.LARGEST_FILE + 1)
    assert reason_of(path) == "too_large"
