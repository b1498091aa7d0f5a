"""The artifact that Report writes."""

from tfx.types.artifact import Artifact


class RunSummary(Artifact):
    """``summary.json``: the headline numbers of a run."""

    TYPE_NAME = "RunSummary"
