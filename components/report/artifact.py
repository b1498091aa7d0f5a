"""The artifact that Report writes."""

from tfx.types.artifact import Artifact


class RunSummary(Artifact):
    """``summary.json``: the headline numbers of a run."""

    # Kubeflow finds the class again by this name: see components/__init__.py.
    TYPE_NAME = "components.RunSummary"
