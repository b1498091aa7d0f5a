"""What is seen in a photo: the face that is meant, whether it is good enough, and what to do."""

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from serving.sent_photos import as_it_is
from serving.web.quality import MIN_BRIGHTNESS, brightness_of, fault_of_whole, too_dark

if TYPE_CHECKING:
    from faces import Face, FaceCanvas, PhotoError

OK: Final = "ok"
# Advice, before a picture is taken; a photo that is only a bit so is used all the same.
# Between chin and brow, of the picture's shorter side.
_NEAR_ENOUGH: Final = 0.2
_LIGHT_ENOUGH: Final = 1.5 * MIN_BRIGHTNESS
# The tip of the nose beside the middle of eyes and mouth, in distances between the eyes: a head
# that is turned by some 25 degrees.
_STRAIGHT_ENOUGH: Final = 0.25


@dataclass(frozen=True)
class Look:
    """What is seen in a photo.

    Attributes:
        width: Of the photo, in pixels, upright.
        height: Likewise.
        face: The one that is meant, or was looked at last when none is good enough.
        sent: What is compared, a file; None when the photo cannot be used.
        fault: Why it cannot.
    """

    width: int
    height: int
    face: "Face | None" = None
    sent: bytes | None = None
    fault: "PhotoError | None" = None

    def advice(self) -> tuple[str, str]:
        """A word for programs, ``ok`` or another, and what to say to the person."""
        if self.fault is not None:
            return self.fault.reason, str(self.fault)
        if self.face is None:
            return OK, ""
        if self.face.height < _NEAR_ENOUGH * min(self.width, self.height):
            return "too_far", "Come a little closer."
        if abs(turn_of(self.face.landmarks)) > _STRAIGHT_ENOUGH:
            return "turned", "Look straight into the camera."
        if brightness_of(self.face.pixels) < _LIGHT_ENOUGH:
            return "too_dark", "A little more light, please."
        return OK, "Good. Hold still."

    def content(self) -> dict[str, Any]:
        """For the page, in pixels of the photo."""
        state, message = self.advice()
        content: dict[str, Any] = {
            "width": self.width,
            "height": self.height,
            "usable": self.fault is None,
            "state": state,
            "message": message,
        }
        if self.face is not None:
            content["box"] = [round(edge, 1) for edge in self.face.box]
            content["landmarks"] = self.face.landmarks.round(1).tolist()
            if self.sent is not None:
                content["aligned"] = base64.b64encode(self.sent).decode()
        return content


def look_at(content: bytes, canvas: "FaceCanvas | None") -> Look:
    """Looks at a photo as it is compared.

    Args:
        content: A photo's file.
        canvas: How the model wants its faces; None compares the photo as it is.
    """
    from faces import PhotoError, face_file, faces_of, read_photo
    from faces.choice import choose

    try:
        photo = read_photo(content)
    except PhotoError as error:
        return Look(0, 0, fault=error)
    size = photo.width, photo.height
    if canvas is None:
        fault = fault_of_whole(photo)
        return Look(*size, sent=None if fault else as_it_is(content), fault=fault)
    faces = faces_of(photo, canvas)
    try:
        [face] = choose(faces, "only")
    except PhotoError as error:
        # In the dark no face is found, and the dark is the reason.
        dark = None if faces else too_dark(photo.pixels)
        largest = max(faces, key=lambda face: face.height, default=None)
        return Look(*size, face=largest, fault=dark or error)
    fault = too_dark(face.pixels)
    return Look(*size, face=face, sent=None if fault else face_file(face.pixels), fault=fault)


def turn_of(landmarks: np.ndarray) -> float:
    """How far a head is turned to a side, from landmarks [5, 2]: 0 is straight.

    The tip of the nose beside the middle of eyes and mouth, along the line between the eyes and in
    distances between them, so that a head that leans is not taken for one that is turned.
    """
    across = landmarks[1] - landmarks[0]
    middle = landmarks[[0, 1, 3, 4]].mean(axis=0)
    return float((landmarks[2] - middle) @ across / max(float(across @ across), 1e-6))
