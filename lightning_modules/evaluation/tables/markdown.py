"""Writes groups of rows as Markdown, and the paper's rows below them."""

from collections.abc import Sequence

from lightning_modules.evaluation.scoring.columns import TABLE
from lightning_modules.evaluation.tables.cells import FOOTNOTES, MISSING, cells, marks, rounded
from lightning_modules.evaluation.tables.groups import Group
from lightning_modules.evaluation.tables.paper import QUOTED, SOURCE, STEPS

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
    columns = {
        "name": [row.model for row in QUOTED],
        "parameters_million": [
            row.total_million + (f" [{row.trained_million}]" if row.trained_million else "") for row in QUOTED
        ],
        "gmacs_per_step": [row.gmacs_per_step for row in QUOTED],
        "gmacs_per_sample": [rounded(row.gmacs_per_sample) for row in QUOTED],
        "scoreq": [row.scoreq for row in QUOTED],
        "fad": [row.fad for row in QUOTED],
        "fid": [row.fid for row in QUOTED],
        "is": [row.inception for row in QUOTED],
        "mis": [row.modified_inception for row in QUOTED],
        "am": [row.am for row in QUOTED],
    }
    titles = {key: TABLE[key].title for key in columns} | {"gmacs_per_sample": "GMACs/sample (ours)"}
    below = (
        f"Quoted from {SOURCE}: on SC09, judged by the paper's evaluator, not comparable with rows above. GMACs/sample "
        f"is computed by us: step × {STEPS}."
    )
    table = markdown_table({titles[key]: column for key, column in columns.items()})
    return "\n".join(["### Quoted for reference: the paper's rows, on other data (SC09)", "", *table, "", below])


def markdown_table(columns: dict[str, list[str]]) -> list[str]:
    """Write the lines of a Markdown table; empty cells become a dash."""
    rows = zip(*columns.values(), strict=True)
    lines = [list(columns), [":--", *["--:"] * (len(columns) - 1)], *([plain(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def plain(text: str) -> str:
    """Escape text so that it stays in its cell and on its line."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split()) or MISSING
