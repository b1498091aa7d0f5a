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


def distance_histogram(
    distances: np.ndarray, labels: np.ndarray, threshold: float, path: str | Path
) -> None:
    """Distances of same and of different val pairs, with the threshold, as one PNG.

    Args:
      distances: float ``[P]``.
      labels: int ``[P]``, 1 same.
      threshold: Drawn as a line.
      path: The PNG.
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    bins = np.linspace(distances.min(), np.percentile(distances, 99.9), 60).tolist()
    for label, name, colour in ((1, "same", "tab:green"), (0, "different", "tab:red")):
        chosen = distances[labels == label]
        axes.hist(chosen, bins=bins, alpha=0.55, density=True, label=name, color=colour)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.4g}")
    axes.set(title="Distances of validation pairs", xlabel="distance", ylabel="density")
    axes.legend()
    _save(figure, path)
