"""A tiny model of the project's contract, computed a second time in NumPy, and a server of it."""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from PIL import Image

SIDE = 16
DIMENSIONS = 8
THRESHOLD = 0.5
SLOPE = 10.0


def synthetic_png(seed: int, side: int = SIDE) -> bytes:
    """Returns a PNG of a smooth random pattern; another seed gives another pattern."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def synthetic_jpeg(seed: int, side: int = SIDE) -> bytes:
    """Returns a JPEG of a random pattern."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG")
    return buffer.getvalue()


@dataclass(frozen=True)
class ToyModel:
    """Where the toy model is, and what it computes, in NumPy and Pillow.

    A version's projection is drawn from its number, so two versions answer differently.
    """

    export: Callable[..., Path]

    def embed(self, images: list[bytes], version: int = 1) -> np.ndarray:
        """Returns the embeddings of 16 x 16 PNGs, float64 [N, 8]."""
        rows = [
            np.asarray(Image.open(io.BytesIO(one)).convert("RGB"), np.float64).ravel() / 255
            for one in images
        ]
        embedding = np.stack(rows) @ projection(version).astype(np.float64)
        return embedding / np.linalg.norm(embedding, axis=1, keepdims=True)

    def distance(self, a: list[bytes], b: list[bytes], version: int = 1) -> np.ndarray:
        """Returns the distances of pairs of PNGs, float64 [N]."""
        return np.linalg.norm(self.embed(a, version) - self.embed(b, version), axis=1)

    def score(self, distance: np.ndarray) -> np.ndarray:
        """Returns the scores of distances: 1 / (1 + exp(10 (d - 0.5)))."""
        return 1 / (1 + np.exp(SLOPE * (distance - THRESHOLD)))


def projection(version: int) -> np.ndarray:
    """Returns the toy model's only weights, float32 [768, 8]."""
    random = np.random.default_rng(version)
    return random.standard_normal((SIDE * SIDE * 3, DIMENSIONS)).astype(np.float32)


def network_of(version: int) -> str:
    """Returns what tells the toy model's versions apart, 64 hex digits."""
    return hashlib.sha256(projection(version).tobytes()).hexdigest()


def _export(base: Path, version: int, canvas: str | None = None) -> Path:
    import tensorflow as tf

    class Toy(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.projection = tf.Variable(projection(version))

        def _embed(self, image: Any) -> Any:
            def pixels(content: Any) -> Any:
                decoded = tf.io.decode_image(content, channels=3, expand_animations=False)
                decoded.set_shape([None, None, 3])
                return tf.reshape(tf.image.resize(decoded, [SIDE, SIDE]) / 255.0, [-1])

            flat = tf.map_fn(
                pixels,
                image,
                fn_output_signature=tf.TensorSpec([SIDE * SIDE * 3], tf.float32),
            )
            return tf.math.l2_normalize(flat @ self.projection, axis=1)

        def _compare(self, a: Any, b: Any) -> dict[str, Any]:
            a = tf.debugging.check_numerics(a, "embedding_a holds NaN or infinity")
            b = tf.debugging.check_numerics(b, "embedding_b holds NaN or infinity")
            distance = tf.norm(a - b, axis=1)
            return {
                "distance": distance,
                "score": tf.sigmoid(SLOPE * (THRESHOLD - distance)),
                "same": distance <= THRESHOLD,
            }

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
        def embed(self, image: Any) -> dict[str, Any]:
            return {"embedding": self._embed(image)}

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, DIMENSIONS], tf.float32, name="embedding_a"),
                tf.TensorSpec([None, DIMENSIONS], tf.float32, name="embedding_b"),
            ]
        )
        def compare(self, embedding_a: Any, embedding_b: Any) -> dict[str, Any]:
            return self._compare(embedding_a, embedding_b)

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.string, name="image_a"),
                tf.TensorSpec([None], tf.string, name="image_b"),
            ]
        )
        def verify(self, image_a: Any, image_b: Any) -> dict[str, Any]:
            return self._compare(self._embed(image_a), self._embed(image_b))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
        def canvas(self, image: Any) -> dict[str, Any]:
            said = json.loads(canvas)["canvas"] if canvas else None
            shape = tf.shape(image)
            return {
                "canvas": tf.fill(shape, json.dumps(said) if said else ""),
                "network": tf.fill(shape, network_of(version)),
            }

    toy = Toy()
    # As a push does: complete under another name, then renamed.
    temporary = base / f"pushing-{version}"
    signatures = {"embed": toy.embed, "compare": toy.compare, "serving_default": toy.verify}
    if canvas is not None:
        signatures["canvas"] = toy.canvas
    tf.saved_model.save(toy, str(temporary), signatures=signatures)
    if canvas is not None:
        (temporary / "assets.extra").mkdir()
        (temporary / "assets.extra" / "faces.json").write_text(canvas)
    return temporary.rename(base / str(version))


@pytest.fixture(scope="session")
def toy_model() -> ToyModel:
    """The toy model; ``toy_model.export(base, version)`` writes a version of it."""
    return ToyModel(export=_export)


@pytest.fixture(scope="session")
def toy_base(toy_model: ToyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base folder with version 1 of the toy model. Not to be changed."""
    base = tmp_path_factory.mktemp("faceauth")
    toy_model.export(base, 1)
    return base


@pytest.fixture(scope="session")
def toy_server(toy_base: Path) -> Iterator[Any]:
    """A local server of version 1, with small limits. Not to be changed."""
    from serving.local_server.options import Batching, Limits, Options
    from serving.local_server.server import running

    options = Options(
        model_base_path=str(toy_base),
        rest_port=0,
        grpc_port=0,
        batching=Batching(max_batch_size=8, batch_timeout_micros=2_000, max_enqueued_rows=64),
        limits=Limits(
            max_body_bytes=2**20, head_timeout_s=1.0, body_timeout_s=1.0, max_connections=64
        ),
    )
    with running(options) as server:
        yield server


@pytest.fixture(scope="session")
def face_record() -> str:
    """The record of a model that wants its faces as dlib's network does."""
    from faces import DLIB_150

    return json.dumps({"canvas": DLIB_150.model_dump(mode="json")})


@pytest.fixture(scope="session")
def face_base(toy_model: ToyModel, face_record: str, tmp_path_factory: Any) -> Path:
    """A base folder with version 1 of the toy model, which wants aligned faces."""
    base = tmp_path_factory.mktemp("aligned")
    toy_model.export(base, 1, face_record)
    return base


@pytest.fixture(scope="session")
def face_server(face_base: Path) -> Iterator[Any]:
    """A local server of it. Not to be changed."""
    from serving.local_server.options import Options
    from serving.local_server.server import running

    options = Options(model_base_path=str(face_base), rest_port=0, grpc_port=0)
    with running(options) as server:
        yield server


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """Makes a synthetic PNG of a seed."""
    return synthetic_png


@pytest.fixture(scope="session")
def jpeg() -> Callable[..., bytes]:
    """Makes a synthetic JPEG of a seed."""
    return synthetic_jpeg


@pytest.fixture(scope="session")
def face_in_room() -> Callable[[int], Image.Image]:
    """Makes a picture of 640 x 480 with a drawn face, which begins so many pixels from the left."""
    from data.synthetic import draw_face

    # A person who is seen from the front.
    face = Image.fromarray(draw_face(seed=0, identity=4, index=0, size=240))

    def make(left: int) -> Image.Image:
        room = Image.new("RGB", (640, 480), (128, 128, 128))
        room.paste(face, (left, 100))
        return room

    return make
