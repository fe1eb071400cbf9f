"""Writes the comparison as Markdown, CSV and JSON."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lightning_modules.evaluation.scoring.columns import Column
from lightning_modules.evaluation.scoring.output import write_csv, write_json, write_text
from lightning_modules.evaluation.tables.cells import MISSING, figure_cell
from lightning_modules.evaluation.tables.markdown import markdown_table, plain
from lightning_modules.evaluation.vocoders.perceptual import SKIPPED
from lightning_modules.evaluation.vocoders.vocoder_rows import (
    COLUMNS,
    COST_COLUMNS,
    DEGRADED,
    GENERATED,
    QUALITY_COLUMNS,
    REAL,
    VocoderRow,
)

TITLES = {
    REAL: "Mels of the recordings",
    DEGRADED: "The same Mels, noised and blurred as a vocoder meets them from a generator",
    GENERATED: "Mels of the generator",
}
LEGEND = (
    "↑ more is better, ↓ less is better; [ ] 95 % interval. STFT distance, PESQ (wide band) and STOI compare with the "
    "recording, also where its Mel was degraded; so does the log-Mel error, in nats, but with a generator's own Mel "
    "where that drew it. A clip that is silent or too short for PESQ or STOI is skipped and counted.",
    "FID of the evaluator's features: to the recordings that were synthesised again (0 is the recording itself), and "
    "to the training split, as in all scores. Below 2,048 clips both are exploratory: compare within a block.",
    "Whistle: how far one frequency stands above its neighbours in pauses, mean over clips, where that is largest.",
    "Costs are per second of speech, on the CPU, one thread, one clip at a time: medians over rounds in which the "
    "vocoders take turns, [ ] smallest and largest quotient of a round. GMACs are counted in convolutions and matrix "
    "products; Fourier transforms stand beside them, a real one of n points taken as 5/4 n log2 n.",
)


def write_document(folder: Path, rows: Sequence[VocoderRow], headings: dict[str, str]) -> str:
    """Write ``vocoders.md``, ``.csv`` and ``.json`` to ``folder``, and return the Markdown; headings are by corpus."""
    markdown = format_markdown(rows, headings)
    write_text(folder / "vocoders.md", markdown)
    write_csv(folder / "vocoders.csv", COLUMNS, _with_reasons(rows))
    write_json(folder / "vocoders.json", [row.cells() for row in rows])
    return markdown


def _with_reasons(rows: Sequence[VocoderRow]) -> Iterable[list[Any]]:
    """Cells of each row; where a figure is missing, why."""
    for row in rows:
        yield [row.missing.get(name) if value is None else value for name, value in row.cells().items()]


def format_markdown(rows: Sequence[VocoderRow], headings: dict[str, str]) -> str:
    """Write a heading per corpus, a table per kind of Mels below it, then what the columns mean."""
    lines: list[str] = []
    for corpus, heading in headings.items():
        lines += [f"### {plain(heading)}", ""]
        for mels, title in TITLES.items():
            if block := [row for row in rows if (row.corpus, row.mels) == (corpus, mels)]:
                count = max(row.clips for row in block)
                lines += [f"**{title}** ({count:,} clips)", "", *markdown_table(_columns(block, mels)), ""]
    notes = dict.fromkeys(note for row in rows for note in row.notes)
    return "\n".join([*lines, *(f"- {plain(line)}" for line in (*LEGEND, *notes))]) + "\n"


def _columns(block: Sequence[VocoderRow], mels: str) -> dict[str, list[str]]:
    """Columns of which some row has a figure or a reason; costs below the first block are the same again."""
    first = next((row.vocoder for row in block if "seconds" in row.figures), MISSING)
    shown = (*QUALITY_COLUMNS, *(COST_COLUMNS if mels == REAL else ()))
    cells = {column.title.replace("×", f"× {first}"): [_cell(row, column) for row in block] for column in shown}
    return {"vocoder": [row.vocoder for row in block]} | {title: found for title, found in cells.items() if any(found)}


def _cell(row: VocoderRow, column: Column) -> str:
    """A figure with its interval, or why it is missing, and how many clips were skipped."""
    text = str(figure_cell(column, row.figure(column.key))) or row.missing.get(column.key, "")
    skipped = row.figures.get(column.key + SKIPPED)
    return f"{text} ({skipped:.0f} skipped)" if skipped and column.key in row.figures else text
