"""The warm-up requests a SavedModel carries, so that its first real request is not slow.

A server runs them when it loads a version, before it takes requests: see TensorFlow Serving's
"SavedModel Warmup". They show drawn faces, because they are shipped with the model.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

FILE: Final = Path("assets.extra", "tf_serving_warmup_requests")
# TensorFlow Serving loads no version that has more.
MAX_RECORDS: Final = 100
# A batch of one, a full one, and one between: oneDNN and the allocator prepare for each size.
BATCH_SIZES: Final = (1, 8, 32)

_FACES: Final = 4
# They are resized like any other image. At this size, all requests together stay below 300 kB.
_SIDE: Final = 64


def write_warmup_requests(
    saved_model: str | Path,
    embedding_size: int,
    images: Sequence[bytes] | None = None,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> Path:
    """Writes requests for all three signatures into a SavedModel.

    Args:
      saved_model: The folder that holds ``saved_model.pb``.
      embedding_size: D of its signature ``compare``.
      images: JPEG or PNG files, repeated to fill a batch; None draws a few faces. Never those of
        real people.
      batch_sizes: Rows of the requests; one request for each size and signature.

    Returns:
      The file: TFRecords of ``PredictionLog``.

    Raises:
      ValueError: There is no image, or there are too many requests.
    """
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    images = _drawn_faces() if images is None else images
    if not images:
        raise ValueError("there is no image to warm up with; give a synthetic face")
    requests = list(_requests(images, embedding_size, batch_sizes))
    if len(requests) > MAX_RECORDS:
        raise ValueError(
            f"{len(requests)} warm-up requests; TensorFlow Serving takes {MAX_RECORDS}: give fewer "
            "batch sizes"
        )
    file = Path(saved_model) / FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for request in requests:
            log = PredictionLog()
            log.predict_log.request.CopyFrom(request)
            # Map fields have no order of their own; the same model must give the same bytes.
            writer.write(log.SerializeToString(deterministic=True))
    return file


def _drawn_faces() -> list[bytes]:
    from data.synthetic import face_jpeg

    return [face_jpeg(seed=0, identity=at, index=0, size=_SIDE) for at in range(_FACES)]


def _requests(
    images: Sequence[bytes], embedding_size: int, batch_sizes: Sequence[int]
) -> Iterator["PredictRequest"]:
    import tensorflow as tf
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    for rows in batch_sizes:
        faces = tf.make_tensor_proto([images[at % len(images)] for at in range(rows)])
        # Of length 1, as embeddings are; what they are compared with does not matter.
        vectors = np.full((rows, embedding_size), embedding_size**-0.5, np.float32)
        embeddings = tf.make_tensor_proto(vectors)
        for signature, inputs in (
            ("embed", {"image": faces}),
            ("compare", {"embedding_a": embeddings, "embedding_b": embeddings}),
            ("serving_default", {"image_a": faces, "image_b": faces}),
        ):
            request = PredictRequest()
            # Required; a server runs a model's own requests under whatever name it has.
            request.model_spec.name = "faceauth"
            request.model_spec.signature_name = signature
            for name, tensor in inputs.items():
                request.inputs[name].CopyFrom(tensor)
            yield request
