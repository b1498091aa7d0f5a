"""What PLDA's comparison is checked against."""

import numpy as np

from components.trainer.comparison.plda import Plda


def log_likelihood_ratio(plda: Plda, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How much likelier one identity is than two, float64 ``[N]``, for two ``[N, D]``."""
    u, v = (a - plda.mean) @ plda.transform, (b - plda.mean) @ plda.transform
    return (plda.cross * (u * v) + plda.own * (u**2 + v**2)).sum(axis=1) + plda.constant
