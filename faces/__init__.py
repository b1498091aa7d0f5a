"""The one way from a photo to a face: whatever is trained on, scored, enrolled or verified.

    from faces import DLIB_150, find_faces

    face = find_faces("me.jpg", DLIB_150)[0]
    face.pixels       # uint8 [150, 150, 3], aligned

A photo's file becomes upright pixels (`faces.photo`), in which faces and five landmarks of each
are found (`faces.finder`) and brought to the size and place that a model wants (`faces.alignment`);
which of them is meant, and whether it is good enough, is chosen last (`faces.choice`).
"""

from faces.canvas import CANVASES, DLIB_150, LFW, FaceCanvas
from faces.choice import Face
from faces.encoding import face_file
from faces.errors import (
    NoFace,
    PhotoError,
    SeveralFaces,
    TooBlurred,
    TooSmall,
    UnsureFace,
)
from faces.photo import LARGEST_FILE, Photo, read_file, read_photo
from faces.search import faces_of, find_faces

__all__ = [
    "CANVASES",
    "DLIB_150",
    "LARGEST_FILE",
    "LFW",
    "Face",
    "FaceCanvas",
    "NoFace",
    "Photo",
    "PhotoError",
    "SeveralFaces",
    "TooBlurred",
    "TooSmall",
    "UnsureFace",
    "face_file",
    "faces_of",
    "find_faces",
    "read_file",
    "read_photo",
]
