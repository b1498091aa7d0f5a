"""The finder as a signature of a SavedModel: from photo files to faces, with no code at the client.

A graph cannot see how the camera was held (EXIF): clients turn such photos upright, or the finder
does it, in a second pass that costs time and tells nobody which side was up.
"""

from typing import Any

import tensorflow as tf

from faces.canvas import FaceCanvas
from faces.encoding import QUALITY
from faces.looking import Looked, look
from faces.photo import LONGER_SIDE


class FindModule(tf.Module):
    """Whole JPEG, PNG, BMP or GIF files in, faces out.

    Args:
        canvas: How the model wants its faces.
        most: How many faces of a photo are given, surest first.
    """

    def __init__(self, canvas: FaceCanvas, most: int = 4) -> None:
        super().__init__(name="find")
        self._canvas, self._most = canvas, most

    def signature(self) -> Any:
        """A concrete function for ``tf.saved_model.save(..., signatures={"find": ...})``."""
        function = tf.function(self.find, autograph=False)
        return function.get_concrete_function(tf.TensorSpec((None,), tf.string, name="image"))

    def find(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """The surest faces of each photo.

        Args:
            image: string [N]: files.

        Returns:
            ``face`` (string [N, K]: files of the aligned faces, lossless, for a model to embed),
            ``boxes`` (float32 [N, K, 4]: left, top, right, bottom), ``landmarks`` (float32
            [N, K, 5, 2]), ``confidence`` and ``sharpness`` (float32 [N, K]), ``aligned`` (uint8
            [N, K, height, width, 3]). Where a photo has fewer than K faces, the rest is zero, and
            ``face`` is empty.
        """
        signature = {
            "face": tf.TensorSpec((self._most,), tf.string),
            "boxes": tf.TensorSpec((self._most, 4), tf.float32),
            "landmarks": tf.TensorSpec((self._most, 5, 2), tf.float32),
            "confidence": tf.TensorSpec((self._most,), tf.float32),
            "sharpness": tf.TensorSpec((self._most,), tf.float32),
            "aligned": tf.TensorSpec(
                (self._most, self._canvas.height, self._canvas.width, 3), tf.uint8
            ),
        }
        return tf.map_fn(
            self._find_one, image, fn_output_signature=signature, parallel_iterations=1
        )

    def _find_one(self, content: tf.Tensor) -> dict[str, tf.Tensor]:
        pixels, scale = decode(content)
        canvas = self._canvas
        found = look(pixels, tf.constant(canvas.positions), canvas.height, canvas.width)
        found = found._replace(boxes=found.boxes * scale, landmarks=found.landmarks * scale)
        padded = {name: self._padded(getattr(found, name)) for name in Looked._fields}
        files = tf.map_fn(_face_file, found.aligned[: self._most], tf.string)
        missing = self._most - tf.shape(files)[0]
        files = tf.concat((files, tf.fill([missing], "")), axis=0)
        return {"face": tf.ensure_shape(files, (self._most,)), **padded}

    def _padded(self, part: tf.Tensor) -> tf.Tensor:
        part = part[: self._most]
        missing = self._most - tf.shape(part)[0]
        padded = tf.pad(part, [[0, missing]] + [[0, 0]] * (part.shape.rank - 1))
        return tf.ensure_shape(padded, (self._most, *part.shape[1:]))


def _face_file(pixels: tf.Tensor) -> tf.Tensor:
    """``faces.encoding.face_file`` in a graph."""
    return tf.io.encode_jpeg(pixels, quality=QUALITY, chroma_downsampling=False)


def decode(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a photo as ``faces.photo`` does: a large one at a fraction of its size.

    Args:
        content: string: a file.

    Returns:
        uint8 [height, width, 3], and by how much the photo in the file is larger (float32).
    """

    def jpeg() -> tuple[tf.Tensor, tf.Tensor]:
        longer = tf.reduce_max(tf.image.extract_jpeg_shape(content)[:2])
        step = tf.reduce_sum(tf.cast(longer // [2, 4, 8] >= LONGER_SIDE, tf.int32))
        branches = [
            lambda ratio=ratio: tf.image.decode_jpeg(content, channels=3, ratio=ratio)
            for ratio in (1, 2, 4, 8)
        ]
        return tf.switch_case(step, branches), tf.pow(2.0, tf.cast(step, tf.float32))

    def other() -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.io.decode_image(content, channels=3, expand_animations=False)
        return pixels, tf.constant(1.0)

    pixels, scale = tf.cond(tf.io.is_jpeg(content), jpeg, other)
    size = tf.shape(pixels)[:2]
    factor = tf.maximum(tf.reduce_max(size) // LONGER_SIDE, 1)
    pixels = tf.cond(
        factor > 1,
        lambda: tf.cast(tf.image.resize(pixels, size // factor, "area") + 0.5, tf.uint8),
        lambda: pixels,
    )
    return pixels, scale * tf.cast(factor, tf.float32)
