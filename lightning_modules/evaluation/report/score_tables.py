"""Rows of scores as HTML, in the groups and columns of `scoretap table`."""

from collections.abc import Sequence
from html import escape

from lightning_modules.evaluation.tables.collect import Row
from lightning_modules.evaluation.tables.columns import FOOTNOTES, MARKDOWN_COLUMNS, MISSING, marks
from lightning_modules.evaluation.tables.groups import Group, group_rows
from lightning_modules.evaluation.tables.markdown import LEGEND, format_heading

GAMMA = "γ\u00a0=\u00a0"  # stays on one line with its number


def format_scores(rows: Sequence[Row]) -> str:
    """A table for each group; a sentence where there are no rows."""
    if not rows:
        return "<p>No run here was scored: <code>scoretap test --scoring.evaluator …</code> does that.</p>"
    return "\n".join(map(_format_group, group_rows(rows)))


def _format_group(group: Group) -> str:
    columns = {heading: [column(row) for row in group.rows] for heading, column in MARKDOWN_COLUMNS.items()}
    columns = {heading: cells for heading, cells in columns.items() if any(cells)}
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in columns)
    body = []
    for row, cells in zip(group.rows, zip(*columns.values(), strict=True), strict=True):
        name, *others = cells
        figures = "".join(f"<td>{_format_cell(cell)}</td>" for cell in others)
        head_cell = f'<th scope="row">{escape(name).replace("γ = ", GAMMA)}</th>'
        body.append(f'<tr data-kind="{escape(row["kind"])}">{head_cell}{figures}</tr>')
    used = "".join(map(marks, group.rows))
    below = [LEGEND, *(f"{sign} {text}" for sign, text in FOOTNOTES.items() if sign in used), *group.remarks]
    title = escape(format_heading(group))
    return (
        f'<h3>{title}</h3><div class="wide" role="region" aria-label="Scores: {title}" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        f'<ul class="below">{"".join(f"<li>{escape(line)}</li>" for line in below)}</ul>'
    )


def _format_cell(text: str) -> str:
    """The figure, and below it in small print what stands beside it: interval, error, trained parameters."""
    figure, bracket, interval = text.partition(" [")
    figure, sign, error = figure.partition(" ± ")
    interval, other_sign, other = interval.partition(" ± ")
    error = error or other
    small = [f"[{interval}" if bracket else "", f"± {error}" if sign or other_sign else ""]
    beside = "".join(f"<small>{escape(part)}</small>" for part in small if part)
    return (escape(figure) or MISSING) + beside
