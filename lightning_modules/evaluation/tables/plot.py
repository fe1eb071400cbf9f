"""Draws FID against the multiply-accumulates of a sample."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datamodules.new_files import new_file
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.cells import marked_name, marks
from lightning_modules.evaluation.tables.curves import literal, set_plain_ticks
from lightning_modules.evaluation.tables.groups import Group
from lightning_modules.evaluation.tables.markdown import QUOTED, SOURCE, format_heading, gmacs_per_sample

OURS, THEIRS = "tab:blue", "tab:orange"
# Where a label may stand beside its point: horizontal alignment, then offsets in points; the first free place is taken.
_PLACES = tuple((side, x, y) for y in (4, -12, 16, -24, 28, -36, 40, -48) for side, x in (("left", 6), ("right", -6)))


def save_plot(path: Path, groups: Sequence[Group]) -> None:
    """Write a PNG with a panel per group that has a model, as FIDs of different evaluators are not comparable.

    Models are points at their GMACs per sample (log axis), real speech is a line, the paper's rows are quoted in every
    panel. The file is written under a temporary name, then renamed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [group for group in groups if model_rows(group)] or list(groups[:1])
    figure = Figure(figsize=(12, 5.5 * len(shown)), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(len(shown), squeeze=False)[:, 0]
    panels = [(axis, _draw(axis, group)) for axis, group in zip(axes, shown, strict=True)]
    canvas.draw()  # labels go where there is room, so everything else must have its place
    figure.set_layout_engine("none")
    for axis, points in panels:
        _label(axis, canvas.get_renderer(), points)
    with new_file(path) as temporary:
        canvas.print_png(temporary)


def model_rows(group: Group) -> list[Row]:
    """Choose the models whose cost and FID are known."""
    return [
        row
        for row in group.rows
        if row["kind"] == "model" and (row["gmacs_per_sample"] or 0) > 0 and row["fid"] is not None
    ]


def _draw(axis: Any, group: Group) -> list[tuple[float, float, str, str]]:
    """Draw everything but the labels, of which x, y, text and colour are returned."""
    points = []
    for row in model_rows(group):
        fill = "none" if "†" in marks(row) else OURS
        axis.errorbar(
            row["gmacs_per_sample"], row["fid"], row["fid_error"], fmt="o", color=OURS, markerfacecolor=fill, capsize=2
        )
        points.append((row["gmacs_per_sample"], row["fid"], literal(marked_name(row)), OURS))
    axis.plot([], [], "o", color=OURS, label="models, ± standard error\n(hollow: few clips, †)")
    for quoted in QUOTED:
        if (x := gmacs_per_sample(quoted)) is not None:
            axis.plot(x, float(quoted["fid"]), "s", color=THEIRS)
            points.append((x, float(quoted["fid"]), quoted["name"], THEIRS))
    axis.plot([], [], "s", color=THEIRS, label=f"quoted, not comparable\n(other data, other evaluator):\n{SOURCE}")
    real = [row for row in group.rows if row["kind"] in ("anchor", "floor") and row["fid"] is not None]
    for number, row in enumerate(real):
        style = ":" if row["kind"] == "floor" else ("--", "-.", (0, (8, 3)), "-")[number % 4]
        label = literal(f"{marked_name(row)}: FID {row['fid']:.3g}")
        axis.axhline(row["fid"], color=f"C{2 + number % 8}", linestyle=style, linewidth=1, label=label)
    fids = [y for _, y, _, _ in points] + [row["fid"] for row in real]
    axis.set(xlabel="GMACs per sample", ylabel="FID", xscale="log", yscale="log" if min(fids) > 0 else "linear")
    axis.set_title(literal(format_heading(group)), fontsize=9)
    for scaled in (axis.xaxis, axis.yaxis):
        if scaled.get_scale() == "log":
            set_plain_ticks(scaled)
    axis.margins(x=0.2, y=0.15)
    axis.grid(which="major", alpha=0.3)
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
    return points


def _label(axis: Any, renderer: Any, points: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each text beside its point, at the first place that is free and inside the axes, else at the first."""
    from matplotlib.transforms import Bbox

    frame = axis.get_window_extent(renderer)
    pixels = [axis.transData.transform((x, y)) for x, y, _, _ in points]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in pixels]
    for x, y, text, color in points:
        label = axis.annotate(text, (x, y), (0, 0), textcoords="offset points", fontsize=8, color=color)
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5})
        for side, dx, dy in (*_PLACES, _PLACES[0]):
            label.set(ha=side, position=(dx, dy))
            box = label.get_window_extent(renderer)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                break
        taken.append(label.get_window_extent(renderer))
        if abs(dy) > 12:  # far enough to be taken for another point's
            line = {"arrowstyle": "-", "color": color, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}
            axis.annotate("", (x, y), (dx, dy), textcoords="offset points", arrowprops=line)
