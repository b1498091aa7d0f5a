"""How a model wants its faces: a record that it carries."""

from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from faces.weights import VERSION

# Raise the number when landmarks or confidence come out otherwise.
FINDER: Final = f"{VERSION}/1"
Position = tuple[float, float]


class FaceCanvas(BaseModel):
    """How a model wants its faces: a record that it carries, as JSON.

    Attributes:
        name: For people.
        width: Of the aligned face, in pixels.
        height: Likewise.
        positions: Where the landmarks of an average face lie on it: x and y of the eye at the
            viewer's left, the other eye, the tip of the nose, and the corners of the mouth from the
            viewer's left.
        finder: What found the landmarks that these positions go with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    width: int = Field(ge=16, le=2048)
    height: int = Field(ge=16, le=2048)
    positions: tuple[Position, Position, Position, Position, Position]
    finder: str = FINDER

    @field_validator("positions")
    @classmethod
    def _not_all_in_one(cls, positions: tuple[Position, ...]) -> tuple[Position, ...]:
        if float(np.ptp(np.asarray(positions), axis=0).max()) < 1:
            raise ValueError(f"the positions {positions} are all in one place")
        return positions


# What dlib's face network was trained with: ``get_face_chip(size=150, padding=0.25)`` of dlib's
# five points. The positions are the means of this finder's landmarks in those chips, over 1,485
# photos of as many people of LFW's train split (dlib-bin 20.0.1; 15 more in which dlib's detector
# found nothing are left out). From photo to photo they differ by 2 pixels at the eyes, and by 5 at
# nose and mouth.
DLIB_150: Final = FaceCanvas(
    name="dlib_150",
    width=150,
    height=150,
    positions=((46.80, 45.74), (101.55, 45.70), (74.17, 77.22), (50.40, 104.96), (97.96, 104.92)),
)

# LFW's own pictures, for models trained on them as they are: the means over the same photos.
LFW: Final = FaceCanvas(
    name="lfw",
    width=250,
    height=250,
    positions=(
        (103.56, 113.80),
        (148.30, 113.09),
        (126.31, 139.15),
        (107.22, 162.08),
        (146.11, 161.46),
    ),
)

# By the names that configs and commands use.
CANVASES: Final = {canvas.name: canvas for canvas in (LFW, DLIB_150)}
