"""Finds faces and five landmarks of each, as one TensorFlow graph.

MTCNN (Zhang et al. 2016; weights: ``faces.weights``) in three steps: the P-Net proposes places over
a pyramid of copies of the photo, the R-Net looks at those, the O-Net at what is left. Ours are what
makes it fast and reach further:

- All steps are one graph over one photo; crops come from its halvings (``faces.sampling``).
- What is found is looked at again, turned upright by its own landmarks, mirrored, and a little
  nearer and further: the O-Net's opinion of one crop is moody, the mean over six is not.
- Only where nothing sure is found are there further passes: for smaller faces, then for turned
  ones, in steps of 45 degrees. An ordinary photo does not pay for them.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from faces import networks
from faces.sampling import Mipmap, sample, shrink
from faces.squares import Squares, best, turned

# Passes over a photo, one after another until one is sure of a face: the smallest face that is
# looked for, as a share of the photo's longer side and in pixels, and at which angles.
_SHARES = (1 / 36, 1 / 18, 1 / 72)
_PIXELS = (36.0, 36.0, 20.0)
_TURNS = ((0,), tuple(range(45, 360, 45)), (0,))
# In a photo with a shorter longer side the last pass would look for faces too small to be of use.
_LARGE = 36 * 20
# No further pass is made when a face is as sure as that.
SURE = 0.95
# From one size of the pyramid to the next, as in the paper.
_FACTOR = 0.709


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


# What is less likely a face is dropped; the first two, and the O-Net when it looks at one crop
# only, are far from infallible.
_PNET_LOGIT = _logit(0.6)
_RNET_LOGIT = _logit(0.12)
_ONET_LOGIT = _logit(0.2)
_FOUND_LOGIT = _logit(0.5)
# How many are left after each.
_PROPOSED = 200
_REFINED = 32
_FOUND = 16
# How the last look is taken: how much larger the square is than the face, and whether the crop is
# mirrored; the landmarks come from the views in the middle.
_VIEWS = ((0.8, False), (0.88, True), (1.0, False), (1.0, True), (1.14, True), (1.25, False))
_INNER = slice(1, 5)
# Cosine of the angle from which on a face must be surer, and by how much its logit must be larger.
_LEANING = 0.6
_RARITY = 2.0


class Found(NamedTuple):
    """K faces, surest first.

    Attributes:
        boxes: float32 [K, 4]: left, top, right and bottom in pixels of the photo.
        landmarks: float32 [K, 5, 2]: x and y of the eye at the viewer's left, the other eye, the
            tip of the nose, and the corners of the mouth, again from the viewer's left, as one sees
            the face upright.
        confidence: float32 [K], from 0 to 1.
    """

    boxes: tf.Tensor
    landmarks: tf.Tensor
    confidence: tf.Tensor


def find(mipmap: Mipmap) -> Found:
    """Finds the faces in a photo; to be called inside a graph."""
    longer = tf.cast(tf.reduce_max(mipmap.sizes[0]), tf.float32)
    smallest = tf.maximum(tf.constant(_SHARES) * longer, _PIXELS)
    turns = tf.ragged.constant(_TURNS, tf.float32) * (math.pi / 180)
    passes = tf.where(longer > _LARGE, 3, 2)

    def unsure(number: tf.Tensor, *found: tf.Tensor) -> tf.Tensor:
        return (number < passes) & tf.reduce_all(found[-1] < _logit(SURE))

    def look(number: tf.Tensor, *found: tf.Tensor) -> tuple[tf.Tensor, ...]:
        squares, logits = _judge(mipmap, _propose(mipmap, smallest[number], turns[number]))
        # Which way up a face is, only the last look can say.
        kept = best(squares, logits, _FOUND, 0.6, _ONET_LOGIT, among_turned=False)
        squares, landmarks, logits = _look_again(mipmap, squares.take(kept))
        more = zip(found, (*squares, landmarks, logits), strict=True)
        return (number + 1, *(tf.concat(parts, 0) for parts in more))

    nothing = (tf.zeros((0, 2)), tf.zeros(0), tf.zeros(0), tf.zeros((0, 5, 2)), tf.zeros(0))
    sizes = ((), (None, 2), (None,), (None,), (None, 5, 2), (None,))
    shapes = tuple(tf.TensorShape(size) for size in sizes)
    _, *found = tf.while_loop(unsure, look, (0, *nothing), shape_invariants=shapes)
    squares, landmarks, logits = Squares(*found[:3]), found[3], found[4]
    kept = best(squares, logits, _FOUND, 0.5, _FOUND_LOGIT)
    return Found(
        tf.gather(squares.boxes(), kept),
        tf.gather(landmarks, kept),
        tf.sigmoid(tf.gather(logits, kept)),
    )


def _judge(mipmap: Mipmap, proposed: Squares) -> tuple[Squares, tf.Tensor]:
    """R-Net and O-Net: what of the proposals is a face, turned as its landmarks are."""
    logits, offsets = networks.rnet(
        _crops(mipmap, proposed.matrices(networks.RNET_SIZE), networks.RNET_SIZE)
    )
    refined = proposed.moved(offsets)
    # Squares that are turned otherwise do not stand in for each other: they are moved apart.
    apart = refined.boxes() + 2e4 * refined.angle[:, None]
    kept = tf.image.non_max_suppression(apart, logits, _REFINED, 0.7, score_threshold=_RNET_LOGIT)
    refined = refined.take(kept)
    logits, offsets, points = networks.onet(
        _crops(mipmap, refined.matrices(networks.ONET_SIZE), networks.ONET_SIZE)
    )
    squares = refined.moved(offsets)
    return squares._replace(angle=squares.angle + roll(points)), logits


def _look_again(mipmap: Mipmap, squares: Squares) -> tuple[Squares, tf.Tensor, tf.Tensor]:
    """The mean of the O-Net's views of each face, turned upright.

    Returns:
        The squares around the faces, landmarks [N, 5, 2] in the photo, and logits [N].
    """
    squares = _straightened(mipmap, squares)
    views = [squares._replace(side=squares.side * zoom) for zoom, _ in _VIEWS]
    matrices = [
        view.matrices(networks.ONET_SIZE, mirrored)
        for view, (_, mirrored) in zip(views, _VIEWS, strict=True)
    ]
    crops = _crops(mipmap, tf.concat(matrices, 0), networks.ONET_SIZE)
    logits, offsets, points = (tf.split(part, len(views)) for part in networks.onet(crops))
    landmarks = [
        view.place(_unmirrored(some) if mirrored else some)
        for view, some, (_, mirrored) in zip(views, points, _VIEWS, strict=True)
    ][_INNER]
    boxes = squares.moved(offsets[_VIEWS.index((1.0, False))])
    # Faces that lean far are rarer than what looks like one.
    rare = tf.cast(tf.cos(squares.angle) < _LEANING, tf.float32) * _RARITY
    return boxes, tf.add_n(landmarks) / len(landmarks), tf.add_n(logits) / len(views) - rare


def _straightened(mipmap: Mipmap, squares: Squares) -> Squares:
    """Turned once more: landmarks seen askew tell less than the whole angle."""
    matrices = squares.matrices(networks.ONET_SIZE)
    _, _, points = networks.onet(_crops(mipmap, matrices, networks.ONET_SIZE))
    return squares._replace(angle=squares.angle + roll(points))


def _unmirrored(points: tf.Tensor) -> tf.Tensor:
    """Landmarks from 0 to 1 across the mirror image of a crop, across the crop."""
    return tf.gather(points, [1, 0, 2, 4, 3], axis=1) * [-1.0, 1.0] + [1.0, 0.0]


def roll(landmarks: tf.Tensor) -> tf.Tensor:
    """float32 [N]: by how much faces lean, from landmarks [N, 5, 2]; clockwise, in radians.

    Taken from the line between the eyes, the one between the corners of the mouth, and the one from
    between the eyes to between the corners.
    """
    left_eye, right_eye, _, mouth_left, mouth_right = tf.unstack(landmarks, axis=1)
    across = right_eye - left_eye + mouth_right - mouth_left
    down = mouth_left + mouth_right - left_eye - right_eye
    return tf.atan2(across[:, 1] - down[:, 0], across[:, 0] + down[:, 1])


def _crops(mipmap: Mipmap, matrices: tf.Tensor, pixels: int) -> tf.Tensor:
    return networks.normalise(sample(mipmap, matrices, pixels, pixels))


def _propose(mipmap: Mipmap, smallest: tf.Tensor, angles: tf.Tensor) -> Squares:
    """What the P-Net takes for faces in copies of the photo.

    Args:
        mipmap: Of the photo.
        smallest: The side of the smallest face, in pixels of the photo.
        angles: float32 [B]: how the faces lean that are looked for; [0] looks for upright ones.
    """
    size = tf.cast(mipmap.sizes[0], tf.float32)
    scale = networks.PNET_CELL / smallest
    centre, count = size[::-1] / 2, tf.size(angles)

    def upright() -> tuple[tf.Tensor, tf.Tensor]:
        return shrink(mipmap, _even(size * scale))[None], size[::-1]

    def leaning() -> tuple[tf.Tensor, tf.Tensor]:
        pixels = _even(tf.norm(size) * scale)
        side = tf.cast(pixels, tf.float32) / scale
        whole = Squares(tf.tile(centre[None], (count, 1)), tf.fill((count,), side), angles)
        copies = sample(mipmap, whole.matrices(pixels), pixels, pixels)
        return copies, tf.stack((side, side))

    copies, extent = tf.cond(count > 1, leaning, upright)
    boxes, logits, level, batch = _scan(networks.normalise(copies))
    kept = _suppressed(boxes, logits, level * count + batch, 0.5)
    boxes, logits, batch = (tf.gather(part, kept) for part in (boxes, logits, batch))
    kept = _suppressed(boxes, logits, batch, 0.7)
    boxes, angle = tf.gather(boxes, kept), tf.gather(angles, tf.gather(batch, kept))
    middle = ((boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5) * extent
    side = tf.reduce_max((boxes[:, 2:] - boxes[:, :2]) * extent, axis=-1)
    return Squares(centre + turned(middle, angle), side, angle)


def _scan(copies: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The P-Net over all sizes of a pyramid over float32 [B, height, width, 3].

    Returns:
        Boxes (float32 [N, 4], from 0 to 1 across a copy), logits [N], and int32 [N] each: the level
        of the pyramid and the number of the copy.
    """
    whole = tf.cast(tf.shape(copies)[1:3], tf.float32)
    smallest = tf.reduce_min(whole) / networks.PNET_CELL
    levels = 1 + tf.cast(tf.math.log(smallest) / -math.log(_FACTOR), tf.int32)

    def scan(level: tf.Tensor, copies: tf.Tensor) -> tuple[tf.Tensor, ...]:
        logits, offsets = networks.pnet(copies)
        cells = tf.where(logits > _PNET_LOGIT)
        scores, surest = tf.math.top_k(
            tf.gather_nd(logits, cells), tf.minimum(tf.shape(cells)[0], _PROPOSED)
        )
        cells = tf.gather(cells, surest)
        corner = tf.cast(cells[:, :0:-1] * networks.PNET_STRIDE, tf.float32)
        boxes = tf.concat((corner, corner + networks.PNET_CELL), axis=-1)
        boxes += tf.gather_nd(offsets, cells) * networks.PNET_CELL
        boxes /= tf.tile(tf.cast(tf.shape(copies)[2:0:-1], tf.float32), (2,))
        batch = tf.cast(cells[:, 0], tf.int32)
        return boxes, scores, tf.fill(tf.shape(batch), level), batch

    def step(level: tf.Tensor, copies: tf.Tensor, *found: tf.Tensor) -> tuple[tf.Tensor, ...]:
        more = zip(found, scan(level, copies), strict=True)
        smaller = _even(whole * _FACTOR ** tf.cast(level + 1, tf.float32))
        copies = tf.image.resize(copies, smaller)
        return (level + 1, copies, *(tf.concat(parts, 0) for parts in more))

    none = tf.zeros(0, tf.int32)
    start = (0, copies, tf.zeros((0, 4)), tf.zeros(0), none, none)
    pixels, many = (None, None, None, 3), (None,)
    shapes = [tf.TensorShape(one) for one in ((), pixels, (None, 4), many, many, many)]
    _, _, *found = tf.while_loop(
        lambda level, *_: level < levels, step, start, shape_invariants=tuple(shapes)
    )
    return tuple(found)


def _suppressed(boxes: tf.Tensor, logits: tf.Tensor, group: tf.Tensor, overlap: float) -> tf.Tensor:
    """Indices of the surest boxes that overlap no surer one of their group; boxes from 0 to 1."""
    apart = boxes + 10.0 * tf.cast(group, tf.float32)[:, None]
    return tf.image.non_max_suppression(apart, logits, _PROPOSED, overlap)


def _even(size: tf.Tensor) -> tf.Tensor:
    """Rounded up to even numbers, as the P-Net wants them."""
    return tf.maximum(2 * tf.cast(tf.math.ceil(size / 2), tf.int32), networks.PNET_CELL)
