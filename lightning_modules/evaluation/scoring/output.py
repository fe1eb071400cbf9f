"""Writes rows as CSV, as JSON and as text for a terminal."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from datamodules.new_files import new_file
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.columns import COLUMNS, FIGURE_COLUMNS
from lightning_modules.evaluation.scoring.descriptions import Description
from lightning_modules.evaluation.scoring.rows import Row


def check_output(path: Path) -> None:
    """Refuse the name of a file that does not say which format is meant.

    Raises:
        InputError: the suffix is neither .csv nor .json.
    """
    if path.suffix not in (".csv", ".json"):
        raise InputError(f"expected an output that ends in .csv or .json, got {str(path)!r}")


def write_scores(path: Path, rows: Sequence[Row]) -> None:
    """Write ``rows`` as CSV or JSON, by the suffix, under a temporary name, then rename.

    What is missing is an empty cell or null. JSON also holds the confusion matrix, and samplers, schedules and vocoders
    as class and settings, which are text in CSV.
    """
    check_output(path)
    if path.suffix == ".json":
        write_json(path, [{**{name: row[name] for name in COLUMNS}, "confusion": row.confusion} for row in rows])
    else:
        write_csv(path, COLUMNS, (row.cells().values() for row in rows))


def write_text(path: Path, text: str) -> None:
    """Write ``text`` under a temporary name, then rename."""
    with new_file(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: Path, table: Any) -> None:
    """Write plain values and descriptions as JSON."""
    text = json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False, default=Description.stored)
    write_text(path, f"{text}\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]], form: str = ".9g") -> None:
    """Write ``rows`` as CSV: numbers in the format ``form``, lists joined to one cell, None as an empty one."""
    with new_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([_cell(value, form) for value in row] for row in rows)


def make_folder(folder: Path, said: str) -> None:
    """Make the folder of an output; ``said`` names it in the error.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {said} ({error.strerror}): choose another --output") from error


def format_scores(rows: Sequence[Row]) -> str:
    """Format accuracy, confidence and diversity as a text table; diversity also relative to the first row."""
    lines = [f"{'':<28}{'clips':>6}{'accuracy':>10}{'confidence':>12}{'diversity':>11}{'of first row':>14}"]
    first = rows[0]["diversity"]
    for row in rows:
        diversity = row["diversity"]
        share = diversity / first if diversity is not None and first else None
        cells = (
            (row["accuracy"], "10.1%"), (row["confidence"], "12.3f"), (diversity, "11.3f"), (share, "14.0%"),
        )  # fmt: skip
        lines.append(f"{row.name:<28}{row.count:>6}" + "".join(_aligned(*cell) for cell in cells))
    return "\n".join(lines)


def format_table(rows: Sequence[Row]) -> str:
    """Format all figures that some row has as a text table, errors beside them, and the notes below it."""
    known = [column for column in FIGURE_COLUMNS if any(column.key in row.figures for row in rows)]
    table = [["", "clips", *(column.key for column in known)]]
    for row in rows:
        figures = (write_figure(row.figure(column.key), column.printed) for column in known)
        table.append([row.name, str(row.count), *(" ".join(parts) or "-" for parts in figures)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in table
    ]
    return "\n".join([*lines, *(f"{row.name}: {note}" for row in rows for note in row.notes)])


def write_figure(figure: Sequence[float | None], form: str, scale: float = 1.0) -> list[str]:
    """Write a value with its interval, or else its error, as :meth:`Row.figure` reads them: ``["0.5", "[0.4, 0.6]"]``.

    All are multiplied by ``scale`` and written in the same format; what is None is left out.
    """
    value, low, high, error = ("" if each is None else format(scale * each, form) for each in figure)
    beside = f"[{low}, {high}]" if low and high else f"± {error}" if error else ""
    return [part for part in (value, beside) if part] if value else []


def _aligned(value: float | None, form: str) -> str:
    width = int(form.partition(".")[0])
    return f"{'-':>{width}}" if value is None else format(value, f">{form}")


def _cell(value: Any, form: str) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return csv_text("; ".join(map(str, value)))
    if isinstance(value, float):
        return format(value, form)
    return str(value) if isinstance(value, int) else csv_text(str(value))


def csv_text(text: str) -> str:
    """Write text for a cell of a CSV file so that no spreadsheet takes it for a formula: after an apostrophe."""
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text
