"""What knows about pairs of faces: a TFX component a folder, and what they share."""

from importlib import import_module
from typing import Any, Final

# Our own artifact types, and in which module below this package each is.
_ARTIFACT_TYPES: Final = {
    "CalibrationPairs": "val_scorer.artifact",
    "DataVerdict": "anomaly_gate.component",
    "RunSummary": "report.artifact",
}


def __getattr__(name: str) -> Any:
    """Our own artifact types, as ``components.<type>``.

    Under Kubeflow an artifact's type is known by a name of the form ``package.Class``, with one
    dot, which must also be where the class can be imported from. They are imported when asked for,
    and by name: TFX takes half a minute, and what a module of this package imports it depends on,
    but not on these three.
    """
    if name not in _ARTIFACT_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ARTIFACT_TYPES[name]}"), name)
