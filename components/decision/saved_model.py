"""Puts a decision into a trained model, without a graph being traced again.

Threshold, slope and the table of false match rates are variables of the SavedModel. Its files are
copied, and its checkpoint is written anew with their values: a fraction of a second, whatever the
network.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from components.exported_model import (
    DECISION_FILE,
    DECISION_KEYS,
    EXTRA,
    FMR_ROWS,
    FMR_TABLE_KEYS,
    record_text,
)
from components.saved_variables import VARIABLES, read_variables, write_variables


def write_decision(
    model: str | Path, folder: str | Path, threshold: float, slope: float, record: dict[str, Any]
) -> None:
    """Writes a copy of a model that decides, with its decision in ``assets.extra``.

    Args:
      model: The SavedModel's folder, trained or decided before. It is not changed.
      folder: Not there yet.
      threshold: The largest distance that is "same".
      slope: Of the logistic score.
      record: For ``decision.json``. Its ``fmr_table`` goes into the model too, if that has a place
        for one; without, the model knows no rate.

    Raises:
      ValueError: The model has no such variables.
    """
    model, folder = Path(model), Path(folder)
    values = read_variables(model)
    missing = set(DECISION_KEYS.values()) - values.keys()
    if missing:
        raise ValueError(
            f"the model in {model} has no variable for {' and for '.join(sorted(missing))}: its "
            "decision is part of its graph, as this project exported it before; train it again"
        )
    for name, value in (("threshold", threshold), ("slope", slope)):
        values[DECISION_KEYS[name]] = np.float32(value)
    table = record.get("fmr_table") or [[threshold, 1.0]] * FMR_ROWS
    for key, column in zip(FMR_TABLE_KEYS.values(), np.transpose(table), strict=True):
        if key in values:
            values[key] = column.astype(np.float32)
    shutil.copytree(model, folder, ignore=_variables_of(model))
    write_variables(folder, values)
    (folder / EXTRA).mkdir(exist_ok=True)
    (folder / EXTRA / DECISION_FILE).write_text(record_text(record), encoding="utf-8")


def _variables_of(model: Path) -> Any:
    folder = str(model / VARIABLES.parent)
    return lambda place, names: set(names) if place == folder else set()
