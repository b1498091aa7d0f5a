"""Writes the warm-up requests a SavedModel carries, so that its first real request is not slow.

A server runs them when it loads a version, before it takes requests: TensorFlow Serving
(``saved_model_warmup``) and the local server alike.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

# TensorFlow Serving loads no version that has more.
MAX_RECORDS: Final = 100
FILE: Final = Path("assets.extra", "tf_serving_warmup_requests")
# A batch of one, and two larger ones: oneDNN and the allocator prepare for each size they meet.
_BATCH_SIZES: Final = (1, 8, 32)


def write_warmup_requests(
    saved_model: str | Path,
    images: Sequence[bytes],
    model_name: str = "faceauth",
    batch_sizes: Sequence[int] = _BATCH_SIZES,
) -> Path:
    """Writes requests for all three signatures into a SavedModel.

    Args:
        saved_model: The folder that holds ``saved_model.pb``.
        images: JPEG or PNG files of synthetic faces, never of real people: they are shipped with
            the model. At least one; they are repeated to fill a batch.
        model_name: Under which the model is served.
        batch_sizes: Rows of the requests; one request for each size and signature.

    Returns:
        The file: TFRecords of ``PredictionLog``.

    Raises:
        ValueError: There is no image, no signature of the contract, or there are too many requests.
    """
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    if not images:
        raise ValueError("there is no image to warm up with; give a synthetic face")
    folder = Path(saved_model)
    requests = list(_requests(images, model_name, batch_sizes, _embedding_size(folder)))
    if len(requests) > MAX_RECORDS:
        raise ValueError(
            f"{len(requests)} warm-up requests; TensorFlow Serving takes {MAX_RECORDS}: give fewer "
            "batch sizes"
        )
    file = folder / FILE
    file.parent.mkdir(exist_ok=True)
    temporary = file.with_name(f".{file.name}.part")
    with tf.io.TFRecordWriter(str(temporary)) as writer:
        for request in requests:
            log = PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())
    return temporary.replace(file)


def _requests(
    images: Sequence[bytes], model_name: str, batch_sizes: Sequence[int], embedding_size: int
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
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            for name, tensor in inputs.items():
                request.inputs[name].CopyFrom(tensor)
            yield request


def _embedding_size(folder: Path) -> int:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    graphs = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
    for graph in graphs:
        if "compare" in graph.signature_def:
            inputs = graph.signature_def["compare"].inputs
            return int(inputs["embedding_a"].tensor_shape.dim[1].size)
    raise ValueError(f"{folder} has no signature 'compare'; export it with the model's contract")
