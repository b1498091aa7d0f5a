"""From a photo's file to the faces that are meant."""

import os

import numpy as np

from faces.canvas import FaceCanvas
from faces.choice import Face, choose, height_of
from faces.looking import FINDER
from faces.photo import Photo, read_photo


def find_faces(
    photo: bytes | str | os.PathLike[str], canvas: FaceCanvas, which: str | int = "only"
) -> list[Face]:
    """Finds, aligns and chooses the faces in a photo. Calls may come from several threads.

    Args:
        photo: The file's content, or its path.
        canvas: How the model wants its faces.
        which: ``only``, ``largest``, ``all`` or a number; see ``faces.choice.choose``.

    Returns:
        One or more, largest first.

    Raises:
        PhotoError: The file is no photo that can be read, or shows no face that can be used.
        OSError: There is no such file, or it cannot be read.
        ValueError: ``which`` is something else.
    """
    return choose(faces_of(read_photo(photo), canvas), which)


def faces_of(photo: Photo, canvas: FaceCanvas) -> list[Face]:
    """All that looks like a face in a photo, surest first, good enough or not."""
    found = FINDER(photo.pixels, canvas)
    # The photo may have been read at a fraction of its size.
    scale = np.float32(photo.width / photo.pixels.shape[1])
    landmarks = found.landmarks * scale
    return [
        Face(
            pixels=found.aligned[number],
            box=tuple((box * scale).tolist()),
            landmarks=landmarks[number],
            confidence=found.confidence[number].item(),
            sharpness=found.sharpness[number].item(),
            height=height_of(landmarks[number]),
            photo_size=(photo.width, photo.height),
        )
        for number, box in enumerate(found.boxes)
    ]
