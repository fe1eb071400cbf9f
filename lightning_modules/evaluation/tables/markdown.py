"""Writes groups of rows as Markdown, and the paper's rows below them."""

from collections.abc import Sequence

from lightning_modules.evaluation.scoring.columns import TABLE
from lightning_modules.evaluation.tables.cells import FOOTNOTES, MISSING, cells, marks, rounded
from lightning_modules.evaluation.tables.groups import Group
from lightning_modules.evaluation.tables.paper import QUOTED, SOURCE, STEPS, gmacs_per_sample

LEGEND = "± standard error unless the row says otherwise; [ ] 95 % interval; ↑ more is better, ↓ less is better."


def format_markdown(groups: Sequence[Group]) -> str:
    """Write a table for each group under a heading of its own, then the paper's."""
    return "\n\n".join([*map(_group_section, groups), _quoted_section()]) + "\n"


def format_heading(group: Group) -> str:
    """Name corpus, digits, evaluator and reference of a group in one line."""
    digits = {None: "digits not stated", tuple(range(10)): "all ten digits"}.get(group.labels)
    digits = digits or f"digits {', '.join(map(str, group.labels or ()))}"
    accuracy = group.evaluator_accuracy
    recognised = "accuracy not stated" if accuracy is None else f"{accuracy:.1%} right on real test speech"
    count = group.reference_count
    reference = "no reference" if count is None else f"{count:,} reference clips"
    evaluator = group.evaluator[:12] or "not stated"
    return f"{group.corpus or 'corpus not stated'}: {digits}; evaluator {evaluator} ({recognised}); {reference}"


def _group_section(group: Group) -> str:
    columns = {title: list(map(str, column)) for title, column in cells(group.rows).items()}
    lines = [f"### {plain(format_heading(group))}", "", *markdown_table(columns)]
    return "\n".join([*lines, "", *(f"- {plain(line)}" for line in lines_below(group))])


def lines_below(group: Group) -> list[str]:
    """List the sentences below the table of a group: what its signs mean, and remarks."""
    used = "".join(map(marks, group.rows))
    return [LEGEND, *(f"{sign} {text}" for sign, text in FOOTNOTES.items() if sign in used), *group.remarks]


def _quoted_section() -> str:
    columns: dict[str, list[str]] = {}
    for key in QUOTED[0]:
        columns[TABLE[key].title] = [row[key] for row in QUOTED]
        if key == "gmacs_per_step":
            columns["GMACs/sample (ours)"] = [rounded(gmacs_per_sample(row)) for row in QUOTED]
    below = (
        f"Quoted from {SOURCE}: on SC09, judged by the paper's evaluator, not comparable with rows above. GMACs/sample "
        f"is computed by us: step × {STEPS}."
    )
    table = markdown_table(columns)
    return "\n".join(["### Quoted for reference: the paper's rows, on other data (SC09)", "", *table, "", below])


def markdown_table(columns: dict[str, list[str]]) -> list[str]:
    """Write the lines of a Markdown table; empty cells become a dash."""
    rows = zip(*columns.values(), strict=True)
    lines = [list(columns), [":--", *["--:"] * (len(columns) - 1)], *([plain(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def plain(text: str) -> str:
    """Escape text so that it stays in its cell and on its line."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split()) or MISSING
