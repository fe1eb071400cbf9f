"""Writes the marks of a plot as a Markdown table, with verdicts where there is a reference."""

from collections.abc import Sequence

from lightning_modules.evaluation.scoring.columns import TABLE
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.axes import title
from lightning_modules.evaluation.tables.cells import rounded, swept_cell
from lightning_modules.evaluation.tables.curves import strokes
from lightning_modules.evaluation.tables.markdown import markdown_table, plain
from lightning_modules.evaluation.tables.sweep import Sweep
from lightning_modules.evaluation.tables.verdict import QUALITIES, RULE, cheapest, share_of_cost, verdict


def format_sweep(
    sweep: Sweep, ys: Sequence[str], keys: tuple[list[str], list[str]], heading: str, reference: Row | None = None
) -> str:
    """Write a row for each mark, in the order of the plot, with the figures ``ys``.

    ``keys`` are the columns of panels and of lines. A reference adds what a verdict needs, the share of its GMACs and
    the verdict.
    """
    panels, lines = (", ".join(map(title, columns)) for columns in keys)
    marks = sweep.marks
    columns = {panels: [mark.panel for mark in marks]} if panels else {}
    columns |= {lines: [mark.line for mark in marks]} if lines else {}
    columns[title(sweep.x)] = [f"{mark.x:,.4g}" for mark in marks]
    drawn = list(dict.fromkeys(column for y in ys for column in (y, *(name for name, _ in strokes(sweep, y)))))
    shown = list(dict.fromkeys([*drawn, *(QUALITIES if reference is not None else ())]))
    columns |= {
        title(column): [swept_cell(mark.row, column) for mark in marks] for column in shown if column != sweep.x
    }
    below = ["[ ] 95 % interval; ± standard error; ↑ more is better, ↓ less is better."]
    if any(mark.runs > 1 for mark in marks):
        columns["runs"] = [str(mark.runs) for mark in marks]
        below.append("Of several runs, which differ by their seed: mean, [ ] one standard deviation to either side.")
    if reference is not None:
        columns |= _verdict_columns(sweep, reference)
        below += [RULE, cheapest_sentence(sweep, reference)]
    table = markdown_table({name: cells for name, cells in columns.items() if any(cells)})
    return "\n".join([f"### {plain(heading)}", "", *table, "", *(f"- {plain(line)}" for line in below)])


def cheapest_sentence(sweep: Sweep, reference: Row) -> str:
    """Name the cheapest mark that is as good as the reference."""
    best = cheapest(sweep.marks, reference)
    if best is None:
        return f"No row has the quality of {reference.name!r}."
    cost, share = rounded(best.row["gmacs_per_sample"]), share_of_cost(best.row, reference)
    of = "" if share is None else f", {share:.1%} of its cost"
    return (
        f"Cheapest row with the quality of {reference.name!r}: {best.row.name!r} ({best.row['nfe']} "
        f"evaluations, {cost} GMACs per sample{of})."
    )


def _verdict_columns(sweep: Sweep, reference: Row) -> dict[str, list[str]]:
    shares = [share_of_cost(mark.row, reference) for mark in sweep.marks]
    return {
        TABLE["gmacs_per_sample"].title: [rounded(mark.row["gmacs_per_sample"]) for mark in sweep.marks],
        "of the reference": ["" if share is None else f"{share:.1%}" for share in shares],
        f"quality of {reference.name}": [verdict(mark.row, reference) for mark in sweep.marks],
    }
