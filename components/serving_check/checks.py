"""What is asked of a served model, and what its answers are compared with."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from components.serving_check.candidate import ModelRefused
from components.serving_check.result import Result
from components.serving_check.samples import Samples
from components.tfrecords import read_tfrecords
from components.trainer.export.warmup import FILE
from serving.client.calls import Call, Tensors
from serving.protos import array_from_proto

Predict = Callable[[Call], Tensors]

# A server may take no more rows in one request.
_ROWS = 16


def check_warmup(predict: Predict, saved_model: Path, result: Result) -> None:
    """Sends the model's own warm-up requests; each must be answered.

    Args:
      predict: Asks the server.
      saved_model: The model's folder.
      result: Is told what is wrong, and how many there were.
    """
    count = 0
    if (saved_model / FILE).is_file():
        for record in read_tfrecords([str(saved_model / FILE)]).as_numpy_iterator():
            request = PredictionLog.FromString(record).predict_log.request
            name = request.model_spec.signature_name
            inputs = {key: array_from_proto(proto) for key, proto in request.inputs.items()}
            try:
                predict(Call(name, inputs, len(next(iter(inputs.values())))))
            except ModelRefused as error:
                result.reasons.append(f"warm-up request {count} ({name}) is refused: {error}")
            count += 1
    result.measured["warmup_requests"] = count
    if not count:
        result.reasons.append(f"it carries no warm-up requests in {FILE}; export it with them")


def check_samples(predict: Predict, samples: Samples, tolerance: float, result: Result) -> None:
    """Verifies pairs, by image and by embedding; the answers must be those of the trained model.

    Args:
      predict: Asks the server.
      samples: The pairs and what the trained model said.
      tolerance: See ``ServingCheckConfig``.
      result: Is told what is wrong, and how far off the answers were.
    """
    result.measured["pairs"] = len(samples.distances)
    try:
        for way, ask in (("serving_default", _verify), ("compare of embed", _compare)):
            _compare_answers(way, ask(predict, samples), samples, tolerance, result)
    except ModelRefused as error:
        result.reasons.append(f"{len(samples.distances)} test pairs are refused: {error}")


def _verify(predict: Predict, samples: Samples) -> dict[str, np.ndarray]:
    return _in_batches(
        predict,
        "serving_default",
        {
            "image_a": _files(samples.images[each] for each in samples.ids_a),
            "image_b": _files(samples.images[each] for each in samples.ids_b),
        },
        ("distance", "score", "same"),
    )


def _compare(predict: Predict, samples: Samples) -> dict[str, np.ndarray]:
    ids = list(samples.images)
    embeddings = _in_batches(
        predict, "embed", {"image": _files(samples.images.values())}, ("embedding",)
    )["embedding"]
    at = {name: row for row, name in enumerate(ids)}
    return _in_batches(
        predict,
        "compare",
        {
            "embedding_a": embeddings[[at[each] for each in samples.ids_a]],
            "embedding_b": embeddings[[at[each] for each in samples.ids_b]],
        },
        ("distance", "score", "same"),
    )


def _files(images: Iterable[bytes]) -> np.ndarray:
    # np.array would guess a fixed width, which cuts trailing zeros.
    return np.fromiter(images, dtype=object)


def _in_batches(
    predict: Predict, signature: str, inputs: Tensors, outputs: Sequence[str]
) -> dict[str, np.ndarray]:
    """Asks in requests of ``_ROWS`` rows; an array of all rows for each output."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in outputs}
    total = len(next(iter(inputs.values())))
    for start in range(0, total, _ROWS):
        rows = min(_ROWS, total - start)
        some = {name: values[start : start + rows] for name, values in inputs.items()}
        answer = predict(Call(signature, some, rows))
        for name in outputs:
            if name not in answer:
                raise ModelRefused(f"{signature} answers without {name!r}")
            part = answer[name]
            if len(part) != rows:
                raise ModelRefused(f"{signature} answers {rows} rows with {len(part)} of {name!r}")
            parts[name].append(part)
    return {name: np.concatenate(part) for name, part in parts.items()}


def _compare_answers(
    way: str, answers: Mapping[str, np.ndarray], samples: Samples, tolerance: float, result: Result
) -> None:
    for name, expected in (("distance", samples.distances), ("score", samples.scores)):
        error = np.abs(answers[name].astype(np.float64) - expected)
        if name == "distance":
            error = error / np.maximum(1, np.abs(expected))
        result.measured[f"largest {name} error, {way}"] = float(error.max())
        # A NaN is not within the tolerance either.
        wrong = np.flatnonzero(~(error <= tolerance))
        if len(wrong):
            first = wrong[0]
            result.reasons.append(
                f"{way}: {name} {answers[name][first]:.7g} for {samples.ids_a[first]} and "
                f"{samples.ids_b[first]}, where the trained model gave {expected[first]:.7g}; "
                f"{len(wrong)} of {len(expected)} pairs differ by more than {tolerance:g}"
            )
    inconsistent = np.count_nonzero(answers["same"] != (answers["score"] >= 0.5))
    if inconsistent:
        result.reasons.append(
            f"{way}: 'same' is not 'score >= 0.5' for {inconsistent} of {len(samples.scores)} pairs"
        )
