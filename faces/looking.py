"""One graph from a photo's pixels to its faces, traced once in a process."""

import threading
from typing import Any, Final, NamedTuple

import numpy as np

from faces.canvas import FaceCanvas


class Looked(NamedTuple):
    """K faces of one photo, surest first.

    Attributes:
        boxes: float32 [K, 4]: left, top, right, bottom.
        landmarks: float32 [K, 5, 2]: x and y; see ``faces.finder.Found``.
        confidence: float32 [K], from 0 to 1.
        sharpness: float32 [K]; see ``faces.sharpness``.
        aligned: uint8 [K, height, width, 3].
    """

    boxes: Any
    landmarks: Any
    confidence: Any
    sharpness: Any
    aligned: Any


def look(photo: Any, positions: Any, height: Any, width: Any) -> Looked:
    """The graph itself.

    Args:
        photo: uint8 [height, width, 3], RGB, upright.
        positions: float32 [5, 2], and the height and width (int32) of the ``FaceCanvas``.
    """
    from faces.alignment import align
    from faces.finder import find
    from faces.sampling import build_mipmap
    from faces.sharpness import sharpness

    mipmap = build_mipmap(photo)
    found = find(mipmap)
    return Looked(
        *found,
        sharpness(mipmap, found.landmarks),
        align(mipmap, found.landmarks, positions, height, width),
    )


class FaceFinder:
    """Looks for faces in photos. Calls may come from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._graph: Any = None

    def __call__(self, pixels: np.ndarray, canvas: FaceCanvas) -> Looked:
        """Finds and aligns the faces in pixels (uint8 [height, width, 3], RGB, upright)."""
        found = self._traced()(
            pixels,
            np.asarray(canvas.positions, np.float32),
            np.int32(canvas.height),
            np.int32(canvas.width),
        )
        return Looked(*(part.numpy() for part in found))

    def _traced(self) -> Any:
        with self._lock:
            if self._graph is None:
                import tensorflow as tf

                # The graph is built of TensorFlow's own loops; autograph would only take its time.
                self._graph = tf.function(look, autograph=False).get_concrete_function(
                    tf.TensorSpec((None, None, 3), tf.uint8),
                    tf.TensorSpec((5, 2), tf.float32),
                    tf.TensorSpec((), tf.int32),
                    tf.TensorSpec((), tf.int32),
                )
            return self._graph


FINDER: Final = FaceFinder()
