"""The same photos and pairs the way the package ``face_recognition`` does it, and our way.

    LFW_DIR=... python -m benchmarks.peers [--model DIR]

Three ways with one network's weights (dlib's), each in a process of its own: ``dlib-bin``, one call
a face, as ``face_recognition`` calls it; our finder and that network in TensorFlow, as it comes;
and a model of ``lfw_transfer.yaml``, by its own decision. What the columns mean is in
``docs/benchmarks.md``.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.processes import measured
from benchmarks.scoring import say
from components.pair_example_gen.pair_lists import ListedPair, read_pair_list

# Published for the network: one person below this Euclidean distance.
PUBLISHED = 0.6
_BATCH = 64
_LANDMARKS = "shape_predictor_5_face_landmarks.dat"
# Photos on which code and caches warm up, before the clock starts.
_FIRST = 4

Vectors = Mapping[str, npt.NDArray[np.float32]]
Embed = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
Decide = Callable[[list[ListedPair], Vectors], dict[int, bool]]


def pairs_of(lfw: str, pair_list: str, most: int) -> list[ListedPair]:
    """The pairs of a list, evenly thinned to so many where there are more."""
    pairs = read_pair_list(str(Path(lfw, pair_list)))
    return pairs[:: -(-len(pairs) // most)] if most else pairs


def paths_of(lfw: str, pairs: list[ListedPair]) -> list[str]:
    """Every photo of them, once."""
    names = sorted({name for pair in pairs for name in (pair.image_a, pair.image_b)})
    return [str(Path(lfw, "images", name)) for name in names]


def judged(pairs: list[ListedPair], known: set[str], same: Mapping[int, bool]) -> dict[str, Any]:
    """How well pairs were told apart; one whose photo could not be used counts as an error.

    Args:
      pairs: All of them.
      known: The photos that have an embedding.
      same: What was said of each pair both of whose photos have one, by its position.
    """
    right = sum(said == (pairs[at].label == 1) for at, said in same.items())
    names = {name for pair in pairs for name in (pair.image_a, pair.image_b)}
    return {"accuracy": right / len(pairs), "unused": len(names - known), "photos": len(names)}


def by_distance(pairs: list[ListedPair], vectors: Vectors) -> dict[int, bool]:
    """Whether pairs are closer than the published threshold."""
    return {
        at: bool(np.linalg.norm(vectors[pair.image_a] - vectors[pair.image_b]) < PUBLISHED)
        for at, pair in enumerate(pairs)
        if pair.image_a in vectors and pair.image_b in vectors
    }


def dlib_way(lfw: str, pair_list: str, most: int) -> dict[str, Any]:
    """HOG detector on the photo of twice the size, five landmarks, one descriptor a call."""
    import dlib
    from PIL import Image

    from components.trainer.networks.dlib_weights import network_file

    file = network_file(None)
    detector = dlib.get_frontal_face_detector()
    landmarks = dlib.shape_predictor(str(file.with_name(_LANDMARKS)))
    network = dlib.face_recognition_model_v1(str(file))
    finding = embedding = 0.0

    def embed(path: str) -> npt.NDArray[np.float32] | None:
        nonlocal finding, embedding
        began = time.perf_counter()
        pixels = np.asarray(Image.open(path).convert("RGB"))
        middle = dlib.point(pixels.shape[1] // 2, pixels.shape[0] // 2)
        boxes = sorted(detector(pixels, 1), key=lambda box: _apart(box.center(), middle))
        shapes = [landmarks(pixels, box) for box in boxes[:1]]
        found = time.perf_counter()
        finding += found - began
        if not shapes:
            return None
        vector = np.array(network.compute_face_descriptor(pixels, shapes[0], 1), np.float32)
        embedding += time.perf_counter() - found
        return vector

    pairs = pairs_of(lfw, pair_list, most)
    paths = paths_of(lfw, pairs)
    for path in paths[:_FIRST]:
        embed(path)
    finding = embedding = 0.0
    began = time.perf_counter()
    vectors = {_name(lfw, path): vector for path in paths if (vector := embed(path)) is not None}
    same = by_distance(pairs, vectors)
    seconds = time.perf_counter() - began
    spent = {"seconds": seconds, "finding": finding, "embedding": embedding}
    return spent | judged(pairs, set(vectors), same)


def our_way(lfw: str, pair_list: str, most: int, model: str | None = None) -> dict[str, Any]:
    """The finder in a thread a core, then the network in batches.

    Args:
      lfw: The folder of LFW.
      pair_list: A pair list in it.
      most: Take so many of its pairs.
      model: An exported model, which compares and decides too; without one, the bare network and
        the published threshold.
    """
    from faces import DLIB_150, PhotoError, find_faces

    def align(path: str) -> npt.NDArray[np.uint8] | None:
        try:
            return find_faces(path, DLIB_150, "central")[0].pixels
        except PhotoError:
            return None

    embed, decide = _exported(model) if model else _network()
    pairs = pairs_of(lfw, pair_list, most)
    paths = paths_of(lfw, pairs)
    first = [face for path in paths[:_FIRST] if (face := align(path)) is not None]
    # Compiled for the batch that is used, not measured.
    embed(np.resize(np.stack(first), (_BATCH, *first[0].shape)))
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = {
            _name(lfw, path): face
            for path, face in zip(paths, pool.map(align, paths), strict=True)
            if face is not None
        }
    aligned = time.perf_counter()
    faces = list(found.values())
    batches = [np.stack(faces[at : at + _BATCH]) for at in range(0, len(faces), _BATCH)]
    vectors = dict(zip(found, np.concatenate([embed(batch) for batch in batches]), strict=True))
    embedded = time.perf_counter()
    same = decide(pairs, vectors)
    spent = {"finding": aligned - began, "embedding": embedded - aligned}
    spent["seconds"] = time.perf_counter() - began
    return spent | judged(pairs, set(vectors), same)


def _network() -> tuple[Embed, Decide]:
    import tensorflow as tf

    from components.trainer.networks.build import build_network
    from components.trainer.networks.config import NetworkConfig

    network = build_network(NetworkConfig(name="dlib_resnet"), (150, 150, 3))
    spec = tf.TensorSpec([None, 150, 150, 3], tf.uint8)
    graph = tf.function(lambda faces: network(faces, training=False), input_signature=[spec])
    return lambda faces: graph(tf.constant(faces)).numpy(), by_distance


def _exported(folder: str) -> tuple[Embed, Decide]:
    from components.exported_model import ExportedModel
    from faces import face_file

    model = ExportedModel(folder)

    def embed(faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return model.embed([face_file(face) for face in faces])

    def decide(pairs: list[ListedPair], vectors: Vectors) -> dict[int, bool]:
        places = [
            at
            for at, pair in enumerate(pairs)
            if pair.image_a in vectors and pair.image_b in vectors
        ]
        a = np.stack([vectors[pairs[at].image_a] for at in places])
        b = np.stack([vectors[pairs[at].image_b] for at in places])
        return dict(zip(places, model.compare(a, b)["same"].tolist(), strict=True))

    return embed, decide


def _apart(a: Any, b: Any) -> float:
    return (a.x - b.x) ** 2 + (a.y - b.y) ** 2


def _name(lfw: str, path: str) -> str:
    return str(Path(path).relative_to(Path(lfw, "images")))


def rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The table: one line a way."""
    titles = ("accuracy", "not used", "find ms", "faces/s", "photos/s", "x faces", "x photos")
    yield " ".join([f"{'':36}", *(f"{title:>9}" for title in titles)])
    first = next(iter(found.values()))

    def speeds(way: Mapping[str, Any]) -> tuple[float, float]:
        return (
            (way["photos"] - way["unused"]) / way["embedding"],
            way["photos"] / way["seconds"],
        )

    faces, photos = speeds(first)
    for name, way in found.items():
        own = speeds(way)
        cells = (
            f"{way['accuracy']:.1%}",
            f"{way['unused']:,}",
            f"{1000 * way['finding'] / way['photos']:.1f}",
            f"{own[0]:,.0f}",
            f"{own[1]:,.1f}",
            f"{own[0] / faces:.1f}",
            f"{own[1] / photos:.1f}",
        )
        yield " ".join([f"{name:36}", *(f"{cell:>9}" for cell in cells)])


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="One network's weights in three ways, from photos to decisions.",
    )
    parser.add_argument("--model", type=Path, help="an exported model of lfw_transfer.yaml")
    parser.add_argument("--pair_list", default="pairsDevTest.txt", help="a pair list of LFW")
    parser.add_argument("--pairs", type=int, default=1_000, help="so many of it; 0 takes all")
    options = parser.parse_args(argv)
    lfw = Path(os.environ.get("LFW_DIR", "data/lfw")).absolute()
    if not (lfw / options.pair_list).is_file():
        raise SystemExit(f"no {options.pair_list} in {lfw}; LFW_DIR names LFW's folder")
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "face_recognition's way (dlib-bin)": ("dlib_way", {}),
        "faces, the network as it comes": ("our_way", {}),
    }
    if options.model:
        ways["faces, the model and its decision"] = ("our_way", {"model": str(options.model)})
    found = {}
    for name, (function, more) in ways.items():
        say(name)
        given = {"lfw": str(lfw), "pair_list": options.pair_list, "most": options.pairs}
        found[name] = measured("benchmarks.peers", function, **given, **more)
    print(f"\n{options.pair_list}: {next(iter(found.values()))['photos']:,} photos")
    print("\n".join(rows(found)))


if __name__ == "__main__":
    main()
