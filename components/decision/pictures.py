"""A picture beside the model."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


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
        if not len(chosen):
            continue
        axes.hist(chosen, bins=bins, alpha=0.55, density=True, label=name, color=colour)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.4g}")
    axes.set(title="Distances of validation pairs", xlabel="distance", ylabel="density")
    axes.legend()
    figure.savefig(path, dpi=110)
