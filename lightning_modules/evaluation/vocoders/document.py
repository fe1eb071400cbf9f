"""Writes the comparison as Markdown, CSV and JSON."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from datamodules.new_files import new_file
from lightning_modules.evaluation.tables.cells import MISSING, rounded
from lightning_modules.evaluation.tables.markdown import markdown_table
from lightning_modules.evaluation.vocoders.vocoder_rows import (
    COLUMNS,
    COST,
    DEGRADED,
    GENERATED,
    QUALITY,
    REAL,
    VocoderRow,
)

CellText = Callable[[VocoderRow], str]
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
    """Write ``vocoders.md``, ``.csv`` and ``.json`` to ``folder``, and return the Markdown.

    Args:
        folder: exists.
        rows: in order.
        headings: a line of text per corpus, by its name.
    """
    markdown = format_markdown(rows, headings)
    with new_file(folder / "vocoders.md") as temporary:
        temporary.write_text(markdown, encoding="utf-8")
    with new_file(folder / "vocoders.csv") as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_csv_cells(row) for row in rows)
    with new_file(folder / "vocoders.json") as temporary, open(temporary, "w", encoding="utf-8") as file:
        json.dump([row.cells() for row in rows], file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
    return markdown


def format_markdown(rows: Sequence[VocoderRow], headings: dict[str, str]) -> str:
    """Write a heading per corpus, a table per kind of Mels below it, then what the columns mean."""
    lines: list[str] = []
    for corpus, heading in headings.items():
        lines += [f"### {heading}", ""]
        for mels, title in TITLES.items():
            if block := [row for row in rows if (row.corpus, row.mels) == (corpus, mels)]:
                count = max(row.clips for row in block)
                lines += [f"**{title}** ({count:,} clips)", "", *markdown_table(_columns(block, mels)), ""]
    notes = dict.fromkeys(note for row in rows for note in row.notes)
    return "\n".join([*lines, *(f"- {line}" for line in (*LEGEND, *notes))]) + "\n"


def _columns(block: Sequence[VocoderRow], mels: str) -> dict[str, list[str]]:
    """Columns of which some row has a figure or a reason; costs below the first block are the same again."""
    columns: dict[str, CellText] = {
        "vocoder": lambda row: row.vocoder,
        "STFT distance ↓": _figure("stft_distance", ".3f"),
        "log-Mel error ↓": _figure("mel_error", ".3f"),
        "PESQ ↑": _figure("pesq", ".2f"),
        "STOI ↑": _figure("stoi", ".3f"),
        "accuracy, % ↑": _figure("accuracy", ".1f", 100.0),
        "confidence ↑": _figure("confidence", ".3f"),
        "FID to the recordings ↓": _figure("fid_same", ".3f"),
        "FID to training ↓": _figure("fid_train", ".3f"),
        "whistle, dB ↓": _figure("whistle_db", ".1f"),
    }
    if mels == REAL:
        columns |= {
            "s per s ↓": _figure("seconds", ".4f"),
            f"× {_first(block)} ↓": _figure("time_ratio", ".2f"),
            "GMACs per s": lambda row: rounded(row.figures.get("gmacs")),
            "FFT GMACs per s": lambda row: rounded(row.figures.get("fft_gmacs")),
            "parameters, M": lambda row: rounded(row.figures.get("parameters_million")),
        }
    cells = {heading: [cell(row) for row in block] for heading, cell in columns.items()}
    return {heading: found for heading, found in cells.items() if any(found)}


def _first(block: Sequence[VocoderRow]) -> str:
    return next((row.vocoder for row in block if "seconds" in row.figures), MISSING)


def _figure(name: str, form: str, scale: float = 1.0) -> CellText:
    """A figure with its interval, or why it is missing, and how many clips were skipped."""

    def cell(row: VocoderRow) -> str:
        if name not in row.figures:
            return row.missing.get(name, "")
        text = format(scale * row.figures[name], form)
        low, high = row.figures.get(f"{name}_low"), row.figures.get(f"{name}_high")
        if low is not None and high is not None:
            text += f" [{scale * low:{form}}, {scale * high:{form}}]"
        skipped = row.figures.get(f"{name}_skipped")
        return f"{text} ({skipped:.0f} skipped)" if skipped else text

    return cell


def _csv_cells(row: VocoderRow) -> list[str]:
    """Numbers, or why one is missing, in the order of :data:`COLUMNS`."""
    plain = row.cells()
    for name in (*QUALITY, *COST):
        value = plain[name]
        plain[name] = row.missing.get(name, "") if value is None else f"{value:.9g}"
    plain["notes"] = "; ".join(row.notes)
    return [str(plain[name]) for name in COLUMNS]
