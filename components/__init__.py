"""What knows about pairs of faces: a TFX component a folder, and what they share."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Our own artifact types, as ``components.<type>``.

    Under Kubeflow an artifact's type is known by a name of the form ``package.Class``, with one
    dot, which must also be where the class can be imported from. They are imported when asked for:
    TFX takes half a minute.
    """
    if name == "CalibrationPairs":
        from components.val_scorer.artifact import CalibrationPairs

        return CalibrationPairs
    if name == "DataVerdict":
        from components.anomaly_gate.component import DataVerdict

        return DataVerdict
    if name == "RunSummary":
        from components.report.artifact import RunSummary

        return RunSummary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
