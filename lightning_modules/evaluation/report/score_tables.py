"""Writes rows of scores as HTML, in the groups and columns of `scoretap table`."""

from collections.abc import Sequence
from html import escape

from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.cells import MISSING, Cell, cells
from lightning_modules.evaluation.tables.groups import Group, group_rows
from lightning_modules.evaluation.tables.markdown import format_heading, lines_below

GAMMA = "γ\u00a0=\u00a0"  # stays on one line with its number


def format_scores(rows: Sequence[Row]) -> str:
    """Write a table for each group, or a sentence where there are no rows."""
    if not rows:
        return "<p>No run here was scored: <code>scoretap test --scoring.evaluator …</code> does that.</p>"
    return "\n".join(map(_format_group, group_rows(rows)))


def _format_group(group: Group) -> str:
    columns = cells(group.rows)
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in columns)
    body = []
    for row, (name, *others) in zip(group.rows, zip(*columns.values(), strict=True), strict=True):
        figures = "".join(f"<td>{_format_cell(cell)}</td>" for cell in others)
        head_cell = f'<th scope="row">{escape(str(name)).replace("γ = ", GAMMA)}</th>'
        body.append(f'<tr data-kind="{escape(row["kind"])}">{head_cell}{figures}</tr>')
    title = escape(format_heading(group))
    return (
        f'<h3>{title}</h3><div class="wide" role="region" aria-label="Scores: {title}" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        f'<ul class="below">{"".join(f"<li>{escape(line)}</li>" for line in lines_below(group))}</ul>'
    )


def _format_cell(cell: Cell) -> str:
    """Write the figure, and in small print what stands beside it: interval, error, trained parameters."""
    return (escape(cell.figure) or MISSING) + "".join(f"<small>{escape(part)}</small>" for part in cell.beside)
