"""The report's charts: SVG drawn by Matplotlib, to stand in the page itself.

SVG rather than an interactive library: a chart is some kilobytes instead of a script of 4 MB, needs
no script at all, prints, scales to a phone, and takes its colours from the style sheet of the page,
so it follows dark mode. Text stays text. The one thing that wants interaction, to try another
threshold, is a slider of the page.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from components.metrics.roc import FloatArray, Sweep

# Matplotlib knows no CSS variables: it draws in colours that stand for them.
_VARIABLES = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--line)",
    "#040404": "var(--same)",
    "#050505": "var(--different)",
    "#060606": "var(--third)",
    "#070707": "var(--page)",
}
_INK, _MUTED, _LINE, SAME, DIFFERENT, THIRD, _PAGE = _VARIABLES

# Any: Matplotlib's types know each key, and mypy takes these for text.
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.titlecolor": _INK,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "text.color": _INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "lines.solid_joinstyle": "round",
    # The page is the background.
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
# In inches of 72 units: about as many units as a phone is wide, so that text there has its size.
_SIZE = (5.0, 3.5)
_POINTS = 400


def thin(x: FloatArray, y: FloatArray, points: int = _POINTS) -> np.ndarray:
    """Which points of a curve to draw: evenly spread along its length, its ends among them.

    Args:
      x: [K], where the points are in the chart: after a logarithm, if its axis has one.
      y: [K], likewise.
      points: At most so many.

    Returns:
      Rising indices, int64.
    """
    if len(x) <= points:
        return np.arange(len(x))

    def scaled(values: FloatArray) -> FloatArray:
        extent = float(np.ptp(values))
        return values / extent if extent else np.zeros_like(values)

    steps = np.hypot(np.diff(scaled(x)), np.diff(scaled(y)))
    length = np.concatenate([[0.0], np.cumsum(steps)])
    wanted = np.linspace(0, length[-1], points)
    return np.unique(np.append(np.searchsorted(length, wanted), [0, len(x) - 1]))


def _chart(name: str, description: str, draw: Callable[[Axes], None]) -> Markup:
    """Runs ``draw`` on new axes and returns them as an SVG element.

    Args:
      name: Unique in a page: the SVG's internal ids are made from it.
      description: What a person who does not see the chart is told.
      draw: Draws.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=_SIZE, layout="constrained", dpi=72)
        draw(figure.subplots())
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Groups are named figure_1, axes_1 ... in every chart, and nothing refers to them.
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    # The page's own font, in the sizes of the chart.
    svg = re.sub(r"font: (?:[a-z]+ )?([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(
        r'(<svg [^>]*?)width="[^"]*" height="[^"]*"|<svg ', lambda m: m[1] or m[0], svg, count=1
    )
    label = Markup('<svg role="img" aria-label="{}" ').format(description)
    return Markup(svg.replace("<svg ", label, 1))


def _legend(axes: Axes, place: Literal["lower right", "lower left", "upper left"]) -> None:
    axes.legend(loc=place, labelcolor=_INK)


def _legend_above(axes: Axes) -> None:
    """A row of names above the axes, where no curve is in its way."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles,
        labels,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(labels),
        labelcolor=_INK,
        handlelength=1.4,
        columnspacing=1.2,
    )


def _percent_axis(axis: mpl.axis.Axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))


def roc(
    candidate: Sweep, baseline: Sweep | None, operating: tuple[float, float], auc: float
) -> Markup:
    """The ROC curve with the operating point.

    Args:
      candidate: Over the test pairs.
      baseline: Likewise, or None.
      operating: FMR and FNMR of the decision.
      auc: Of the candidate, for the legend.
    """

    def draw(axes: Axes) -> None:
        for curve, style in _models(candidate, baseline, f"candidate, AUC {auc:.4f}"):
            rows = thin(curve.fmr, curve.tpr)
            axes.plot(curve.fmr[rows], curve.tpr[rows], **style)
        axes.plot([0, 1], [0, 1], color=_LINE, linestyle=":", linewidth=1)
        _operating_point(axes, operating[0], 1 - operating[1])
        axes.set(xlabel="false match rate (FMR)", ylabel="true accept rate (TAR)")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        _legend(axes, "lower right")

    return _chart("roc", "ROC curve: true accept rate over false match rate", draw)


def det(candidate: Sweep, baseline: Sweep | None, operating: tuple[float, float]) -> Markup:
    """The DET curve, both errors on logarithmic axes, with the operating point.

    An error that never occurred has no place on such an axis; a curve ends where it has none left.
    Arguments as ``roc``.
    """

    def draw(axes: Axes) -> None:
        for curve, style in _models(candidate, baseline, "candidate"):
            shown = (curve.fmr > 0) & (curve.fnmr > 0)
            fmr, fnmr = curve.fmr[shown], curve.fnmr[shown]
            if fmr.size:
                rows = thin(np.log10(fmr), np.log10(fnmr))
                axes.plot(fmr[rows], fnmr[rows], **style)
        low = 0.7 / max(candidate.impostors, candidate.genuine)
        axes.plot([low, 1], [low, 1], color=_LINE, linestyle=":", linewidth=1)
        if min(operating) > 0:
            _operating_point(axes, *operating)
        axes.set(xscale="log", yscale="log", xlim=(low, 1.2), ylim=(low, 1.2))
        axes.set(xlabel="false match rate (FMR)", ylabel="false non-match rate (FNMR)")
        for axis in (axes.xaxis, axes.yaxis):
            _percent_axis(axis)
            axis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        _legend(axes, "lower left")

    return _chart("det", "DET curve: false non-match rate over false match rate", draw)


def _models(candidate: Sweep, baseline: Sweep | None, label: str) -> list[tuple[Sweep, dict]]:
    curves: list[tuple[Sweep, dict]] = [(candidate, {"color": SAME, "label": label})]
    if baseline is not None:
        curves.insert(0, (baseline, {"color": _MUTED, "label": "baseline", "linewidth": 1.2}))
    return curves


def _operating_point(axes: Axes, x: float, y: float) -> None:
    axes.plot(
        [x],
        [y],
        marker="o",
        markersize=7,
        linestyle="none",
        color=DIFFERENT,
        markeredgecolor=_PAGE,
        label="operating point",
        zorder=5,
        clip_on=False,
    )


def histograms(scores: FloatArray, labels: np.ndarray, bins: int = 50) -> Markup:
    """How the scores of same and of different pairs are spread.

    Args:
      scores: [P], 0 to 1.
      labels: [P], 1 same.
      bins: Of equal width.
    """

    def draw(axes: Axes) -> None:
        edges = np.linspace(0, 1, bins + 1)
        for label, name, colour in ((0, "different", DIFFERENT), (1, "same", SAME)):
            chosen = scores[labels == label]
            if not chosen.size:
                continue
            shares = np.histogram(chosen, edges)[0] / chosen.size
            axes.stairs(shares, edges, fill=True, alpha=0.35, color=colour, label=name)
            axes.stairs(shares, edges, color=colour, linewidth=1.2)
        axes.axvline(0.5, color=_INK, linestyle="--", linewidth=1, label="decision")
        axes.set(xlabel="score", ylabel="share of the pairs of this kind", xlim=(0, 1))
        _percent_axis(axes.yaxis)
        _legend_above(axes)

    return _chart("histograms", "Histograms of the scores of same and different pairs", draw)


def threshold_sweep(curve: Sweep, threshold: float) -> Markup:
    """Accuracy, precision, recall and FMR over every threshold.

    Args:
      curve: Over the test pairs.
      threshold: The decision's.
    """

    def draw(axes: Axes) -> None:
        # Nobody operates where almost everything is accepted, and the axis would be mostly that.
        highest = np.searchsorted(curve.fmr, 0.995)
        kept = slice(0, max(int(highest), 2))
        at = curve.thresholds[kept]
        for name, values, colour, style in (
            ("accuracy", curve.accuracy, _INK, "-"),
            ("precision", curve.precision, THIRD, "-"),
            ("recall", curve.recall, SAME, "-"),
            ("FMR", curve.fmr, DIFFERENT, "-"),
        ):
            rows = thin(at, np.nan_to_num(values[kept]))
            axes.plot(at[rows], values[kept][rows], style, color=colour, label=name)
        axes.axvline(threshold, color=_MUTED, linestyle="--", linewidth=1)
        axes.set(xlabel="threshold (largest distance called the same)", ylim=(-0.01, 1.02))
        _legend_above(axes)

    return _chart("sweep", "Accuracy, precision, recall and FMR over the threshold", draw)


def calibration(bins: Sequence[Mapping[str, float]]) -> Markup:
    """How often pairs of a score are the same, against the score.

    Args:
      bins: From ``metrics.calibration.reliability``.
    """

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_MUTED, linestyle=":", linewidth=1, label="calibrated")
        scores = [row["score"] for row in bins]
        shares = [row["same"] for row in bins]
        pairs = np.array([row["pairs"] for row in bins], np.float64)
        axes.plot(scores, shares, color=SAME, linewidth=1.2)
        size = 12 + 90 * pairs / pairs.max()
        axes.scatter(
            scores, shares, s=size, color=SAME, label="pairs of about one score (area: how many)"
        )
        axes.set(xlabel="mean score", ylabel="share that is the same person")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        _legend(axes, "upper left")

    return _chart("calibration", "Calibration: share of same pairs over the mean score", draw)


def learning_curve(
    name: str, series: Mapping[str, Sequence[float]], best_epoch: int, unit: bool
) -> Markup:
    """Values over the epochs of the training.

    Args:
      name: Of the chart, for its ids and its y axis.
      series: By name, one value an epoch.
      best_epoch: From 1; its weights were exported.
      unit: Whether the values lie between 0 and 1.
    """

    def draw(axes: Axes) -> None:
        colours = (SAME, DIFFERENT, THIRD, _INK)
        for (label, values), colour in zip(series.items(), colours, strict=False):
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, color=colour, label=label, marker=".", markersize=4)
        axes.axvline(best_epoch, color=_MUTED, linestyle="--", linewidth=1, label="exported")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if unit:
            axes.set_ylim(-0.01, 1.02)
        _legend_above(axes)

    return _chart(f"learning-{name}", f"{name} over the epochs of the training", draw)
