"""Limits that several have in common: what one takes, the other takes."""

from typing import Final

# Width times height of an image that is decoded whole. It is read from the header, before anything
# is decoded: a few kilobytes of PNG can unfold to gigabytes.
MAX_PIXELS: Final = 50_000_000

# Of a server that speaks HTTP: seconds for the head of a request, and connections at one time.
HEAD_TIMEOUT_S: Final = 30.0
MAX_CONNECTIONS: Final = 512
