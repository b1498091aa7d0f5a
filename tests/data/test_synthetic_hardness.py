"""The synthetic data set is a real problem: neither raw pixels nor a plain cue solve it.

With as many same pairs as different ones, chance is 50 %. The threshold is chosen on the very pairs
that are judged, so the accuracies here are the best that these distances can have.
"""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from data import synthetic

IDENTITIES, IMAGES, SIDE = 150, 6, 64
PAIRS = 2_000  # of each kind
LIMIT = 0.75


def best_accuracy(distance: np.ndarray, same: np.ndarray) -> float:
    """Highest share of right decisions ``distance <= threshold`` over all thresholds."""
    false_alarms, hits, _ = roc_curve(same, -distance, drop_intermediate=False)
    share = same.mean()
    return float(np.max(hits * share + (1 - false_alarms) * (1 - share)))


def test_best_accuracy_of_a_hand_made_case():
    distance = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    same = np.array([True, True, False, True, False, False])
    assert best_accuracy(distance, same) == pytest.approx(5 / 6)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """float32 [identities, images, side, side, 3]."""
    return np.array(
        [
            [synthetic.draw_face(0, identity, index, SIDE) for index in range(IMAGES)]
            for identity in range(IDENTITIES)
        ],
        dtype=np.float32,
    )


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Balanced pairs: (identity, image) of the one and of the other, int [n, 2], and bool [n]."""
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, (IDENTITIES, IMAGES), size=(2, 2 * PAIRS, 2))
    same = np.arange(2 * PAIRS) < PAIRS
    step_to_other_image = rng.integers(1, IMAGES, size=PAIRS)
    other[same, 0] = one[same, 0]
    other[same, 1] = (one[same, 1] + step_to_other_image) % IMAGES
    step_to_other_person = rng.integers(1, IDENTITIES, size=PAIRS)
    other[~same, 0] = (one[~same, 0] + step_to_other_person) % IDENTITIES
    return one, other, same


CUES = {
    "raw pixels": lambda faces: faces,
    "raw grey pixels": lambda faces: faces.mean(axis=-1),
    "raw pixels of the face": lambda faces: faces[:, :, 16:48, 16:48],
    "mean colour": lambda faces: faces.mean(axis=(2, 3)),
    "mean colour of the face": lambda faces: faces[:, :, 16:48, 16:48].mean(axis=(2, 3)),
    "brightness": lambda faces: faces.mean(axis=(2, 3, 4)),
    "contrast": lambda faces: faces.std(axis=(2, 3, 4)),
    "mean red": lambda faces: faces[..., 0].mean(axis=(2, 3)),
    "mean green": lambda faces: faces[..., 1].mean(axis=(2, 3)),
    "mean blue": lambda faces: faces[..., 2].mean(axis=(2, 3)),
}


@pytest.mark.parametrize("cue", CUES)
def test_no_plain_cue_tells_people_apart(cue: str, faces: np.ndarray, pairs: tuple):
    one, other, same = pairs
    values = CUES[cue](faces).reshape(IDENTITIES, IMAGES, -1)
    distance = np.linalg.norm(values[tuple(one.T)] - values[tuple(other.T)], axis=1)
    accuracy = best_accuracy(distance, same)
    print(f"{cue}: best accuracy {accuracy:.3f}")
    assert accuracy <= LIMIT


@pytest.mark.parametrize("attribute", synthetic.ATTRIBUTES)
def test_no_attribute_is_decisive(attribute: str, pairs: tuple):
    """Even read without a mistake, "same value, same person" is wrong for many pairs."""
    one, other, same = pairs
    table = np.array(
        [
            [synthetic.face_attributes(0, identity, index)[attribute] for index in range(IMAGES)]
            for identity in range(IDENTITIES)
        ]
    )
    agree = table[tuple(one.T)] == table[tuple(other.T)]
    # Three skin groups of one size: right for all same pairs and for two in three of the others.
    assert np.mean(agree == same) <= (1 + 2 / 3) / 2 + 0.03
