"""From a photo to what a model gets of it: its aligned face, or the file as it is."""

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

    from faces import Face, FaceCanvas

ImageSource = bytes | str | os.PathLike[str]

# What every model decodes.
_DECODED: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
# Faster than the default by a factor of three, for files a seventh larger.
_COMPRESSION: Final = 1


@dataclass(frozen=True)
class SentPhoto:
    """What a model gets of a photo.

    Attributes:
        content: A JPEG or PNG file; of a face, what PairExampleGen would make of the photo.
        face: What was found; None where the photo goes as it is.
    """

    content: bytes
    face: "Face | None" = None

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """Left, top, right and bottom of the face in the photo, in pixels."""
        return self.face.box if self.face else None


def send_photo(
    photo: ImageSource, canvas: "FaceCanvas | None", which: str | int = "only"
) -> list[SentPhoto]:
    """Finds and aligns the faces that are meant.

    Args:
        photo: The file's content, or its path.
        canvas: How the model wants its faces; None sends the photo as it is.
        which: ``only``, ``largest``, ``all`` or a number; see ``faces.choice.choose``.

    Returns:
        One or more, the largest face first.

    Raises:
        PhotoError: The photo cannot be used. The message names the file, if it has a name.
        OSError: There is no such file.
    """
    from faces import PhotoError, face_file, find_faces, read_file

    try:
        if canvas is None:
            content = photo if isinstance(photo, bytes) else read_file(photo)
            return [SentPhoto(as_it_is(content))]
        faces = find_faces(photo, canvas, which)
    except PhotoError as error:
        if isinstance(photo, bytes):
            raise
        named = f"{shown(photo)}: {error}"
        raise PhotoError(named, error.reason, **error.details) from error
    return [SentPhoto(face_file(face.pixels), face) for face in faces]


def shown(path: str | os.PathLike[str]) -> str:
    """A path on one line, whatever its name is made of."""
    text = os.fspath(path)
    return text if text.isprintable() else repr(text)


def png(pixels: "np.ndarray") -> bytes:
    """A PNG file of uint8 [height, width, 3]: nothing of a photo is lost."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=_COMPRESSION)
    return buffer.getvalue()


def as_it_is(content: bytes) -> bytes:
    """A photo's file itself, if models decode such files; else its pixels as PNG, upright.

    Raises:
        PhotoError: It is no photo.
    """
    from faces import read_photo

    return content if content.startswith(_DECODED) else png(read_photo(content).pixels)
