"""How an image file becomes pixels: the ``image`` section of a config."""

from typing import Literal

from pydantic import Field, field_validator

from components.section import Section

Box = tuple[float, float, float, float]


class ImageConfig(Section):
    """Crop, size and colour of the prepared images."""

    size: int = Field(64, ge=8, le=1024, description="Side of a prepared image, in pixels.")
    channels: Literal[1, 3] = Field(1, description="1 is grey, 3 colour.")
    crop: float | Box = Field(
        1.0,
        description="A central fraction of the width and height (1.0 keeps everything), or a box "
        "`[left, top, right, bottom]` in fractions of the width and height. Fractions keep a crop "
        "valid at every resolution.",
    )

    @field_validator("crop")
    @classmethod
    def _within_image(cls, crop: float | Box) -> float | Box:
        if isinstance(crop, float):
            if not 0 < crop <= 1:
                raise ValueError(
                    f"a central crop of {crop:g} is not in (0, 1]; 1.0 keeps the image"
                )
            return crop
        left, top, right, bottom = crop
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(
                f"the box {list(crop)} is not [left, top, right, bottom] with "
                "0 <= left < right <= 1 and 0 <= top < bottom <= 1"
            )
        return crop

    @property
    def box(self) -> Box:
        """The crop as ``(left, top, right, bottom)``, each in 0 to 1."""
        if isinstance(self.crop, tuple):
            return self.crop
        edge = (1 - self.crop) / 2
        return (edge, edge, 1 - edge, 1 - edge)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a prepared image."""
        return (self.size, self.size, self.channels)
