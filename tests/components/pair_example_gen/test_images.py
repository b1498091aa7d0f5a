"""Inspection of image files: which are refused and why, and statistics by hand."""

import errno
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from components.pair_example_gen import images
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.images import inspect, luminance_statistics, read_and_inspect

MAX_PIXELS = 1_000


def grey(rows):
    return np.array(rows, dtype=np.uint8)[..., np.newaxis]


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def png_header(width, height):
    """A PNG that claims a size in its header and holds no pixels."""

    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"")


@pytest.mark.parametrize(
    ("file_format", "mode", "channels"),
    [
        ("JPEG", "RGB", 3),
        ("JPEG", "L", 1),
        ("PNG", "RGB", 3),
        ("PNG", "RGBA", 3),
        ("PNG", "P", 3),
        ("PNG", "L", 1),
        ("PNG", "LA", 1),
        ("PNG", "1", 1),
        ("PNG", "I;16", 1),
    ],
)
def test_usable_images(encode, file_format, mode, channels):
    if mode == "I;16":
        image = Image.fromarray(noise()[..., 0].astype(np.uint16) * 200)
    else:
        image = Image.fromarray(noise()).convert(mode)
    facts = inspect(encode(image, file_format), MAX_PIXELS)
    assert (facts.width, facts.height, facts.channels, facts.rotated) == (30, 20, channels, False)


def test_several_pictures_in_a_jpeg_are_one_image(encode):
    # Phones and cameras write these (MPO); a decoder sees the first picture.
    other = Image.fromarray(noise(1))
    data = encode(Image.fromarray(noise()), "MPO", save_all=True, append_images=[other])
    assert inspect(data, MAX_PIXELS).width == 30


@pytest.mark.parametrize("cut", [1, 2, 10, 200])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_truncated_files_are_corrupt(encode, file_format, cut):
    assert inspect(encode(noise(), file_format)[:-cut], MAX_PIXELS) == images.CORRUPT


def test_a_damaged_png_is_corrupt(encode):
    data = bytearray(encode(noise(), "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert inspect(bytes(data), MAX_PIXELS) == images.CORRUPT


def test_other_refused_files(encode):
    frames = [Image.fromarray(noise(1))]
    assert inspect(b"", MAX_PIXELS) == images.EMPTY
    assert inspect(b"not an image at all", MAX_PIXELS) == images.NOT_AN_IMAGE
    assert inspect(b"\xff\xd8\xff\xe0 not an image", MAX_PIXELS) == images.NOT_AN_IMAGE
    assert inspect(encode(noise(), "GIF"), MAX_PIXELS) == images.NOT_AN_IMAGE
    animated = encode(Image.fromarray(noise()), "PNG", save_all=True, append_images=frames)
    assert inspect(animated, MAX_PIXELS) == images.ANIMATED


def test_the_size_is_checked_before_pixels_are_decoded(encode):
    data = encode(noise(), "JPEG")
    assert inspect(data, 600).width == 30
    assert inspect(data, 599) == images.TOO_LARGE
    # Nothing but a header: were it decoded, it would be corrupt.
    assert inspect(png_header(100_000, 1_000), MAX_PIXELS) == images.TOO_LARGE
    # What Pillow itself takes for a decompression bomb.
    assert inspect(png_header(100_000, 100_000), 178_956_970) == images.TOO_LARGE


def test_an_exif_orientation_is_noticed(encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    facts = inspect(encode(noise(), "JPEG", exif=exif), MAX_PIXELS)
    assert facts.rotated
    assert (facts.width, facts.height) == (30, 20)


def test_reading(tmp_path, encode):
    data = encode(noise(), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    assert read_and_inspect(str(tmp_path / "a.png"), MAX_PIXELS)[0] == data
    assert read_and_inspect(str(tmp_path / "b.png"), MAX_PIXELS) == (b"", images.MISSING)


def test_statistics_of_flat_and_tiny_images():
    assert luminance_statistics(grey([[51] * 4] * 4)) == pytest.approx((0.2, 0, 0))
    # No inner pixels, no sharpness.
    assert luminance_statistics(grey([[0, 255]])) == pytest.approx((0.5, 0.5, 0))


def test_statistics_by_hand():
    # One bright pixel of 16. The four inner pixels have Laplacians -4, 1, 1, 0: mean -1/2, variance
    # (16 + 1 + 1) / 4 - 1 / 4 = 17 / 4. Contrast is sqrt(1/16 - 1/256) = sqrt(15) / 16.
    pixels = np.zeros((4, 4), dtype=np.uint8)
    pixels[1, 1] = 255
    brightness, contrast, sharpness = luminance_statistics(grey(pixels))
    assert brightness == pytest.approx(1 / 16)
    assert contrast == pytest.approx(15**0.5 / 16)
    assert sharpness == pytest.approx(17 / 4)


def test_luminance_weighs_colours():
    pure = np.zeros((3, 3, 3), dtype=np.uint8)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        pixels = pure.copy()
        pixels[..., channel] = 255
        # Luminance is rounded to steps of 1/255.
        assert luminance_statistics(pixels)[0] == pytest.approx(weight, abs=0.5 / 255)


def test_large_images_are_measured_in_blocks():
    # 1,024 wide: blocks of 2 x 2. A checkerboard of single pixels becomes flat grey (127 or 128).
    board = np.indices((8, 1024)).sum(axis=0) % 2 * 255
    brightness, contrast, sharpness = luminance_statistics(grey(board))
    assert brightness == pytest.approx(0.5, abs=0.5 / 255 + 1e-6)
    assert (contrast, sharpness) == pytest.approx((0, 0), abs=1e-6)
    # 512 wide, as it is: every Laplacian is +4 or -4.
    small = luminance_statistics(grey(board[:, :512]))
    assert small == pytest.approx((0.5, 0.5, 16))


def test_colours_of_print_are_named(encode):
    data = encode(Image.new("CMYK", (30, 20), (10, 20, 30, 40)), "JPEG")
    assert inspect(data, MAX_PIXELS) == images.CMYK


def test_what_is_no_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "folder.jpg").mkdir()
    reasons = {
        name: images.read_and_inspect(str(tmp_path / f"{name}.jpg"), MAX_PIXELS)
        for name in ("pipe", "zero", "folder", "loop", "gone")
    }
    assert reasons == {
        "pipe": (b"", "not_a_photo"),
        "zero": (b"", "not_a_photo"),
        "folder": (b"", "not_a_photo"),
        "loop": (b"", images.UNREADABLE),
        "gone": (b"", images.MISSING),
    }


def test_a_disk_that_fails_is_no_bad_image(monkeypatch):
    def read(path):
        raise OSError(errno.EIO, "Input/output error", path)

    monkeypatch.setattr(images, "read_file", read)
    with pytest.raises(DataError, match=r"a/1\.jpg cannot be read: Input/output error"):
        images.read_and_inspect("a/1.jpg", MAX_PIXELS)
