"""Limits that the pipeline and the servers have in common: what one takes, the other takes."""

from typing import Final

# Width times height of an image that is decoded whole. It is read from the header, before anything
# is decoded: a few kilobytes of PNG can unfold to gigabytes.
MAX_PIXELS: Final = 50_000_000
