"""The CSV file that says what photos are like that were served: see ``served_photos``."""

from typing import Final

# The environment variable that names the file.
VARIABLE: Final = "FACEAUTH_SERVED_PHOTOS"
COLUMNS: Final = ("day", "width", "height", "channels", "brightness", "contrast", "sharpness")
