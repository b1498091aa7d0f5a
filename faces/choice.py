"""Which of the faces in a photo is meant, and whether it is good enough."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from faces.errors import NoFace, PhotoError, SeveralFaces, TooBlurred, TooSmall, UnsureFace

# What is less sure may be a knee or a cloud. Of 5,000 photos of LFW's train people 9 are less sure,
# and of 600 pictures without a face all, the surest at .88 (people who stand behind left out).
SURE_ENOUGH: Final = 0.9
# Between chin and brow, in pixels of the photo. Of 400 of LFW's train people, one photo each made
# smaller, as many are known at a median of 30 pixels as at 93.
SMALLEST_HEIGHT: Final = 32
# Medians over 40 photos of LFW train people: 1.06 as they are; .38, .22, .11 blurred by a Gaussian
# of 2, 2.8 and 4 pixels. With one of the two photos blurred like that, dlib's face network still
# knows 95, 87 and 64 % of 200 pairs to be one person, instead of 98.5 %.
SHARP_ENOUGH: Final = 0.15
# Another face nearly as large: whose photo is it?
_AS_LARGE: Final = 0.6
# Chin to brow, in distances between the middle of the eyes and that of the mouth's corners; an
# average over adults.
_HEIGHT_PER_DISTANCE: Final = 1.9


@dataclass(frozen=True)
class Face:
    """A face in a photo.

    Attributes:
        pixels: uint8 [height, width, 3], RGB: the face as its ``FaceCanvas`` wants it.
        box: Left, top, right and bottom, in pixels of the photo in its file, upright.
        landmarks: float32 [5, 2]: x and y of the eye at the viewer's left, the other eye, the tip
            of the nose, and the corners of the mouth from the viewer's left; likewise.
        confidence: That it is a face, from 0 to 1.
        sharpness: See ``faces.sharpness``.
        height: Pixels between chin and brow, about.
        photo_size: Width and height of the photo in its file, upright.
    """

    pixels: np.ndarray
    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    confidence: float
    sharpness: float
    height: float
    photo_size: tuple[int, int]


def height_of(landmarks: np.ndarray) -> float:
    """Pixels between chin and brow, about, of a face with landmarks [5, 2]."""
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    return _HEIGHT_PER_DISTANCE * float(np.linalg.norm(mouth - eyes))


def choose(faces: list[Face], which: str | int) -> list[Face]:
    """Takes the faces that are meant, largest first.

    Args:
        faces: All of a photo.
        which: ``only`` takes the one face of a photo of one person, and refuses where another is
            nearly as large, as a login must; ``largest`` takes the largest; ``central`` the one
            nearest to the middle of the photo, whom a picture that was cut out is of; ``all`` takes
            all that are good enough; a number that many of the largest.

    Raises:
        PhotoError: There is none (``NoFace``), or the one asked for is not good enough
            (``UnsureFace``, ``TooSmall``, ``TooBlurred``), or not the only one (``SeveralFaces``).
        ValueError: ``which`` is something else.
    """
    most = _number(which)
    if not faces:
        raise NoFace(
            "No face was found. Look into the camera, with all of your face in the picture."
        )
    sure = [face for face in faces if face.confidence >= SURE_ENOUGH]
    if not sure:
        surest = max(face.confidence for face in faces)
        raise UnsureFace(
            f"What looks like a face may be something else ({surest:.0%} sure, {SURE_ENOUGH:.0%} "
            "are needed). Face the camera, in better light.",
            confidence=surest,
        )
    if which == "central":
        sure.sort(key=_off_centre)
    else:
        sure.sort(key=lambda face: face.height, reverse=True)
    if which == "only" and len(sure) > 1 and sure[1].height >= _AS_LARGE * sure[0].height:
        count = sum(face.height >= _AS_LARGE * sure[0].height for face in sure)
        raise SeveralFaces(
            f"There are {count} faces of about the same size. Be alone in the picture.", faces=count
        )
    good = [face for face in sure if _fault(face) is None]
    if most == 1 or not good:
        fault = _fault(sure[0])
        if fault is not None:
            raise fault
        good = sure
    return good[:most]


def _number(which: str | int) -> int | None:
    if which in ("only", "largest", "central"):
        return 1
    if which == "all":
        return None
    if isinstance(which, int) and which >= 1:
        return which
    raise ValueError(
        f"which is {which!r}; it must be only, largest, central, all or a number from 1 on"
    )


def _off_centre(face: Face) -> float:
    return float(np.linalg.norm(face.landmarks.mean(axis=0) - np.array(face.photo_size) / 2))


def _fault(face: Face) -> PhotoError | None:
    if face.height < SMALLEST_HEIGHT:
        return TooSmall(
            f"The face is too small ({face.height:.0f} pixels from chin to brow, "
            f"{SMALLEST_HEIGHT} are needed). Move closer.",
            height=face.height,
        )
    if face.sharpness < SHARP_ENOUGH:
        return TooBlurred(
            f"The face is blurred (sharpness {face.sharpness:.3f}, {SHARP_ENOUGH:.3f} is needed). "
            "Hold the camera still, in better light.",
            sharpness=face.sharpness,
        )
    return None
