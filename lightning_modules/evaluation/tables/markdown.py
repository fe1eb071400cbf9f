"""Writes groups of rows as Markdown, and below them the paper's, which another evaluator scored.

Source of those: R. Makarov, T. Gerkmann, *Repurposing a Speech Classifier for Guided Diffusion-Based Speech
Generation*, Interspeech 2026, arXiv:2606.20457, Table 1. Digits as printed there; empty where it has none.
"""

from collections.abc import Sequence

from lightning_modules.evaluation.scoring.columns import TABLE
from lightning_modules.evaluation.tables.cells import FOOTNOTES, MISSING, cells, marks, rounded
from lightning_modules.evaluation.tables.groups import Group

LEGEND = "± standard error unless the row says otherwise; [ ] 95 % interval; ↑ more is better, ↓ less is better."
SOURCE = "Makarov & Gerkmann 2026 (arXiv:2606.20457, Table 1)"
STEPS = 100  # reverse Euler-Maruyama steps of the paper
_UNTAPPED = "Score Subnet without gradient taps"
# Parameters in millions, GMACs of one step of a 1 s clip, scores.
_PRINTED = (
    ("DiffWave", "24.2", "", "2.85", "2.59", "1.92", "5.26", "51.21", "0.68"),
    ("SaShiMi", "23.0", "", "2.79", "1.84", "1.42", "5.94", "69.17", "0.59"),
    ("EDMSound", "45.2", "", "", "", "0.14", "7.17", "160.2", "0.33"),
    ("U-Net", "16.6 [16.6]", "14.56", "3.06", "0.74", "0.17", "7.51", "168.98", "0.30"),
    ("Score Subnet", "12.3 [4.4]", "12.07", "3.10", "0.84", "0.17", "7.82", "195.65", "0.26"),
    (_UNTAPPED, "11.9 [4.0]", "7.71", "3.04", "0.90", "0.28", "7.02", "126.95", "0.37"),
    ("U-Net + classifier, γ = 3", "24.5 [16.6]", "22.74", "3.25", "0.82", "0.03", "8.36", "260.50", "0.19"),
    ("Score Subnet, γ = 3", "12.3 [4.4]", "16.44", "3.26", "1.02", "0.03", "8.65", "287.19", "0.15"),
    (f"{_UNTAPPED}, γ = 3", "11.9 [4.0]", "11.50", "3.23", "0.94", "0.02", "8.05", "223.98", "0.22"),
)  # fmt: skip
_KEYS = ("name", "parameters_million", "gmacs_per_step", "scoreq", "fad", "fid", "is", "mis", "am")
QUOTED = tuple(dict(zip(_KEYS, row, strict=True)) for row in _PRINTED)  # by the keys of our columns


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


def gmacs_per_sample(row: dict[str, str]) -> float | None:
    """Compute GMACs of a sample, :data:`STEPS` steps, which are not in the paper; None where it states none."""
    return float(row["gmacs_per_step"]) * STEPS if row["gmacs_per_step"] else None


def markdown_table(columns: dict[str, list[str]]) -> list[str]:
    """Write the lines of a Markdown table; empty cells become a dash."""
    rows = zip(*columns.values(), strict=True)
    lines = [
        list(map(plain, columns)),
        [":--", *["--:"] * (len(columns) - 1)],
        *([plain(cell) for cell in row] for row in rows),
    ]
    return [f"| {' | '.join(line)} |" for line in lines]


def plain(text: str) -> str:
    """Escape text so that it stays in its cell and on its line, and is no HTML, such as the mark of a table's end."""
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return " ".join(escaped.split()) or MISSING
