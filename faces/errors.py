"""What is wrong with a photo, said to the person who took it."""

from typing import Any


class PhotoError(ValueError):
    """A photo cannot be used.

    The message says in one sentence what is wrong and in another what to do.

    Attributes:
        reason: The same for programs, such as ``not_a_photo``: to count by, and to translate.
        details: The numbers that it was decided by.
    """

    reason: str = "unusable"

    def __init__(self, message: str, reason: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.reason = reason or type(self).reason
        self.details = details


class NoFace(PhotoError):
    """Nothing in the photo looks like a face."""

    reason = "no_face"


class UnsureFace(PhotoError):
    """What looks most like a face may be something else."""

    reason = "unsure_face"


class TooSmall(PhotoError):
    """The face has too few pixels."""

    reason = "too_small"


class TooBlurred(PhotoError):
    """The face is out of focus, or moved."""

    reason = "too_blurred"


class SeveralFaces(PhotoError):
    """More than one face could be meant."""

    reason = "several_faces"
