"""The distances by the path that users of the parts import them from."""

from components.trainer.comparison.distances import (
    CosineDistance,
    EuclideanDistance,
    cosine_distance,
    euclidean_distance,
)

__all__ = ["CosineDistance", "EuclideanDistance", "cosine_distance", "euclidean_distance"]
