"""Groups of rows as Markdown, and the paper's rows below them."""

from collections.abc import Sequence

from lightning_modules.evaluation.tables.columns import FOOTNOTES, MARKDOWN_COLUMNS, MISSING, marks, rounded
from lightning_modules.evaluation.tables.groups import Group
from lightning_modules.evaluation.tables.paper import QUOTED, SOURCE, STEPS

LEGEND = "± standard error unless the row says otherwise; [ ] 95 % interval; ↑ more is better, ↓ less is better."


def format_markdown(groups: Sequence[Group]) -> str:
    """A table for each group under a heading of its own, then the paper's."""
    return "\n\n".join([*map(_group_section, groups), _quoted_section()]) + "\n"


def format_heading(group: Group) -> str:
    """Corpus, digits, evaluator and reference of a group in one line."""
    digits = {None: "digits not stated", tuple(range(10)): "all ten digits"}.get(group.labels)
    digits = digits or f"digits {', '.join(map(str, group.labels or ()))}"
    accuracy = group.evaluator_accuracy
    heard = "accuracy not stated" if accuracy is None else f"{accuracy:.1%} right on real test speech"
    count = group.reference_count
    reference = "no reference" if count is None else f"{count:,} reference clips"
    judge = group.evaluator[:12] or "not stated"
    return f"{group.corpus or 'corpus not stated'}: {digits}; evaluator {judge} ({heard}); {reference}"


def _group_section(group: Group) -> str:
    lines = [f"### {plain(format_heading(group))}", ""]
    columns = {heading: [column(row) for row in group.rows] for heading, column in MARKDOWN_COLUMNS.items()}
    lines += markdown_table({heading: cells for heading, cells in columns.items() if any(cells)})
    used = "".join(map(marks, group.rows))
    below = [LEGEND, *(f"{sign} {text}" for sign, text in FOOTNOTES.items() if sign in used), *group.remarks]
    return "\n".join([*lines, "", *(f"- {plain(line)}" for line in below)])


def _quoted_section() -> str:
    columns = {
        "model": [row.model for row in QUOTED],
        "parameters, M: total [trained]": [
            row.total_million + (f" [{row.trained_million}]" if row.trained_million else "") for row in QUOTED
        ],
        "GMACs/step": [row.gmacs_per_step for row in QUOTED],
        "GMACs/sample (ours)": [rounded(row.gmacs_per_sample) for row in QUOTED],
        "ScoreQ ↑": [row.scoreq for row in QUOTED],
        "FAD ↓": [row.fad for row in QUOTED],
        "FID ↓": [row.fid for row in QUOTED],
        "IS ↑": [row.inception for row in QUOTED],
        "mIS ↑": [row.modified_inception for row in QUOTED],
        "AM ↓": [row.am for row in QUOTED],
    }
    below = (
        f"Quoted from {SOURCE}: on SC09, judged by the paper's evaluator, not comparable with rows above. GMACs/sample "
        f"is computed by us: step × {STEPS}."
    )
    return "\n".join(
        ["### Quoted for reference: the paper's rows, on other data (SC09)", "", *markdown_table(columns), "", below]
    )


def markdown_table(columns: dict[str, list[str]]) -> list[str]:
    """Lines of a Markdown table; empty cells become a dash."""
    rows = zip(*columns.values(), strict=True)
    lines = [list(columns), [":--", *["--:"] * (len(columns) - 1)], *([plain(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def plain(text: str) -> str:
    """Text that stays in its cell and on its line."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split()) or MISSING
