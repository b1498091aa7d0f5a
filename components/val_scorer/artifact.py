"""The artifact between ValScorer and Decision."""

from tfx.types.artifact import Artifact


class CalibrationPairs(Artifact):
    """``pairs.npz``: val pairs with their distances, plain and on aged copies of the images."""

    # Kubeflow finds the class again by this name: see components/__init__.py.
    TYPE_NAME = "components.CalibrationPairs"
