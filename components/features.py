"""The feature keys of every Examples artifact, once.

None holds a ``/``: Keras refuses such a name for an ``Input``.
"""

from typing import Final

# images: one row an image.
IMAGE_ID: Final = "image_id"  # bytes: the path below the image root, with "/" between folders
IDENTITY: Final = "identity"  # bytes: who is shown
IMAGE_ENCODED: Final = "image_encoded"  # bytes: the JPEG or PNG file as it is on disk
WIDTH: Final = "width"  # int64: pixels
HEIGHT: Final = "height"  # int64: pixels
CHANNELS: Final = "channels"  # int64: 1 grey, 3 colour
BRIGHTNESS: Final = "brightness"  # float: mean luminance, 0 to 1
CONTRAST: Final = "contrast"  # float: standard deviation of the luminance, 0 to 0.5
SHARPNESS: Final = "sharpness"  # float: variance of the luminance's Laplacian

# transformed images: IMAGE_ID and IDENTITY as above, and
IMAGE_RAW: Final = "image_raw"  # bytes: uint8 pixels, height x width x channels, row by row

# pairs: one row a pair.
IMAGE_ID_A: Final = "image_id_a"  # bytes
IMAGE_ID_B: Final = "image_id_b"  # bytes
IDENTITY_A: Final = "identity_a"  # bytes
IDENTITY_B: Final = "identity_b"  # bytes
LABEL: Final = "label"  # int64: 1 same person, 0 different
PAIR_SET: Final = "pair_set"  # bytes: "sampled", or the name of the pair list without its suffix

# scored pairs: a pair, and
CANDIDATE_DISTANCE: Final = "candidate_distance"  # float: 0 or more, smaller is more alike
CANDIDATE_SCORE: Final = (
    "candidate_score"  # float: 0 to 1, at least 0.5 when the decision is "same"
)
BASELINE_DISTANCE: Final = "baseline_distance"
BASELINE_SCORE: Final = "baseline_score"

IMAGE_FEATURES: Final = (
    IMAGE_ID,
    IDENTITY,
    IMAGE_ENCODED,
    WIDTH,
    HEIGHT,
    CHANNELS,
    BRIGHTNESS,
    CONTRAST,
    SHARPNESS,
)
PAIR_FEATURES: Final = (IMAGE_ID_A, IMAGE_ID_B, IDENTITY_A, IDENTITY_B, LABEL, PAIR_SET)
SCORE_FEATURES: Final = (CANDIDATE_DISTANCE, CANDIDATE_SCORE, BASELINE_DISTANCE, BASELINE_SCORE)

# Names that an attribute of a data set may not take.
RESERVED: Final = frozenset((*IMAGE_FEATURES, *PAIR_FEATURES, *SCORE_FEATURES, IMAGE_RAW, "split"))

# Pair sets that no list may be named like: pairs that come from no list, and all test pairs.
SAMPLED: Final = "sampled"
OVERALL: Final = "overall"

# A pair's slice value where its two images differ in an attribute.
MIXED: Final = "mixed"

TRAIN: Final = "train"
VAL: Final = "val"
TEST: Final = "test"
SPLITS: Final = (TRAIN, VAL, TEST)
