"""Pictures beside the model, for those without TensorBoard."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def _save(figure: Figure, path: str | Path) -> None:
    figure.savefig(path, dpi=110)


def learning_curves(history: dict[str, list[float]], best_epoch: int, path: str | Path) -> None:
    """Loss and val measures over the epochs, as one PNG.

    Args:
      history: Keras's: ``loss``, ``val_eer``, ``val_auc``, ``val_accuracy``, one value an epoch.
      best_epoch: From 0; its weights are exported.
      path: The PNG.
    """
    epochs = np.arange(1, len(history["loss"]) + 1)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, history["loss"], marker=".", color="tab:blue")
    left.set(title="Training loss", xlabel="epoch", ylabel="loss")
    for key, label in (
        ("val_accuracy", "accuracy (best threshold)"),
        ("val_auc", "ROC AUC"),
        ("val_eer", "EER"),
    ):
        right.plot(epochs, history[key], marker=".", label=label)
    right.axvline(best_epoch + 1, color="grey", linestyle=":", label="exported")
    right.set(title="Validation pairs", xlabel="epoch", ylim=(0, 1))
    right.legend(fontsize="small")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    _save(figure, path)
