"""Draws metrics against a swept setting: a row of axes for each metric, a column for each panel."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.new_files import new_file
from lightning_modules.evaluation.scoring.columns import TABLE
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.axes import title
from lightning_modules.evaluation.tables.sweep import Sweep, has_interval, interval

# Okabe and Ito's colours, told apart by colour-blind readers, from the darkest on; markers differ too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
BANDS = 3  # lines whose intervals are drawn as bands; of more, as bars
STEEP = 5.0  # largest over smallest value from which on a y-axis is logarithmic
SEEN, UNSEEN = "digits seen in training", "digits never seen in training"


def strokes(sweep: Sweep, y: str) -> list[tuple[str, bool]]:
    """List the columns that are drawn for ``y``, and whether they are about digits never seen in training.

    Where some rows tell digits apart, an accuracy is two lines.
    """
    apart = any(mark.row["accuracy_unseen"] is not None for mark in sweep.marks)
    if y == "accuracy" and apart:
        return [("accuracy_seen", False), ("accuracy_unseen", True)]
    return [(y, y == "accuracy_unseen")]


def save_curves(path: Path, sweep: Sweep, ys: Sequence[str], heading: str, reference: Row | None = None) -> None:
    """Write the picture under a temporary name, then rename; its format follows from the suffix.

    Each column of ``ys`` has a row of axes. The reference is a horizontal band, from end to end of its interval.
    """
    from matplotlib.figure import Figure

    width = max(2.6 * len(sweep.panels) + 2.4, 6.5)
    figure = Figure(figsize=(width, 2.3 * len(ys) + 0.7), dpi=150, layout="constrained")
    grid = figure.subplots(len(ys), len(sweep.panels), sharex=True, sharey="row", squeeze=False)
    for axes, y in zip(grid, ys, strict=True):
        for axis, panel in zip(axes, sweep.panels, strict=True):
            _draw(axis, sweep, panel, y, reference)
        axes[0].set_ylabel(title(y), fontsize=9)
        _scale_y(axes[0], sweep, y)
    for axis, panel in zip(grid[0], sweep.panels, strict=True):
        axis.set_title(literal(panel), fontsize=9)
    for axis in grid[-1]:
        axis.set_xlabel(title(sweep.x), fontsize=9)
    _scale_x(grid[0, 0], sweep)
    figure.supxlabel(literal(heading), fontsize=7.5, color="0.35")
    figure.legend(
        handles=_handles(sweep, ys, reference), loc="outside right upper", fontsize=8, frameon=False, handlelength=2.6
    )
    with new_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:])


def _draw(axis: Any, sweep: Sweep, panel: str, y: str, reference: Row | None) -> None:
    axis.grid(alpha=0.25)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    scale = TABLE[y].scale
    if reference is not None and reference[y] is not None:
        low, high = interval(reference, y)
        axis.axhspan(scale * low, scale * high, color="0.5", alpha=0.2, linewidth=0)
        axis.axhline(scale * reference[y], color="0.4", linewidth=0.9)
    for number, line in enumerate(sweep.lines):
        for column, unseen in strokes(sweep, y):
            points = sweep.points(panel, line, column)
            if not points:
                continue
            xs, *figures = np.array(points).T
            values, lows, highs = (scale * each for each in figures)
            look = _look(number, unseen)
            axis.plot(xs, values, **look, zorder=3)
            if len(sweep.lines) <= BANDS:
                axis.fill_between(xs, lows, highs, color=look["color"], alpha=0.15, linewidth=0)
            else:
                reach = values - lows, highs - values
                axis.errorbar(xs, values, reach, fmt="none", ecolor=look["color"], elinewidth=0.9, alpha=0.45)


def _look(number: int, unseen: bool) -> dict[str, Any]:
    color = COLORS[number % len(COLORS)]
    look = {"color": color, "marker": MARKERS[number % len(MARKERS)], "markersize": 4.5, "linewidth": 1.4}
    return look | {"linestyle": "--" if unseen else "-", "markerfacecolor": "white" if unseen else color}


def _handles(sweep: Sweep, ys: Sequence[str], reference: Row | None) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], label=literal(line), **_look(number, False)) for number, line in enumerate(sweep.lines)
    ]
    if any(unseen for y in ys for _, unseen in strokes(sweep, y)):
        gray: dict[str, Any] = {"color": "0.35", "markersize": 4.5, "marker": "o", "linewidth": 1.4}
        handles += [
            Line2D([], [], label=SEEN, **gray),
            Line2D([], [], label=UNSEEN, linestyle="--", markerfacecolor="white", **gray),
        ]
    if reference is not None:
        handles.append(Patch(color="0.5", alpha=0.35, label=literal(f"reference: {reference.name}")))
    kind = "bands" if len(sweep.lines) <= BANDS else "bars"
    several = any(mark.runs > 1 for mark in sweep.marks)
    note = f"{kind}: 95 % intervals" + (",\nof several runs ± deviation" if several else "")
    known = any(has_interval(mark.row, column) for mark in sweep.marks for y in ys for column, _ in strokes(sweep, y))
    return [*handles, *([Line2D([], [], linestyle="none", label=note)] if known else [])]


def _scale_x(axis: Any, sweep: Sweep) -> None:
    """Scale the x-axis by logarithm where it is a cost; values that are few and far apart have a tick each."""
    values = sorted({mark.x for mark in sweep.marks})
    logarithmic = TABLE[sweep.x].is_cost and values[0] > 0
    if logarithmic:
        axis.set_xscale("log")
        set_plain_ticks(axis.xaxis, values)
    near = logarithmic and any(right < 1.2 * left for left, right in pairwise(values))
    if len(values) <= 8 and not near:
        axis.set_xticks(values, [f"{value:g}" for value in values])
        axis.set_xticks([], minor=True)


def _scale_y(axis: Any, sweep: Sweep, y: str) -> None:
    columns = [column for column, _ in strokes(sweep, y)]
    values = [mark.row[column] for mark in sweep.marks for column in columns if mark.row[column] is not None]
    if TABLE[y].scale == 100.0:
        axis.set_ylim(bottom=max(axis.get_ylim()[0], -2.0), top=min(axis.get_ylim()[1], 102.0))
    elif values and min(values) > 0 and max(values) / min(values) >= STEEP:
        axis.set_yscale("log")
        axis.set_ylim(bottom=min(values) / 2)  # an interval may reach to zero and below
        set_plain_ticks(axis.yaxis, values)


def set_plain_ticks(scaled: Any, values: Sequence[float] = (1.0,)) -> None:
    """Set ticks at 1, 2, 5, 10 without powers; fewer where they would span more than two decades."""
    from matplotlib.ticker import LogLocator

    subs = (1, 2, 5) if max(values) / min(values) < 300 else (1,)
    scaled.set(major_locator=LogLocator(subs=subs), major_formatter="{x:g}", minor_formatter="")


def literal(text: str) -> str:
    """Escape dollar signs, which would begin a formula."""
    return text.replace("$", r"\$")
