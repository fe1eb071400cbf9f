"""Writes rows as CSV, as JSON and as text for a terminal."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datamodules.new_files import new_file
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.columns import BESIDE, COLUMNS, FIGURE_COLUMNS, Column
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

    Raises:
        InputError: the suffix is another.
    """
    check_output(path)
    with new_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        if path.suffix == ".json":
            table = [{**{name: row[name] for name in COLUMNS}, "confusion": row.confusion} for row in rows]
            json.dump(table, file, indent=1, ensure_ascii=False, allow_nan=False, default=Description.stored)
            file.write("\n")
        else:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([_cell(value) for value in row.cells().values()] for row in rows)


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
        table.append([row.name, str(row.count), *(_figure(row, column) for column in known)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in table
    ]
    return "\n".join([*lines, *(f"{row.name}: {note}" for row in rows for note in row.notes)])


def _figure(row: Row, column: Column) -> str:
    """A figure with its interval and standard error, in the same format."""
    value, low, high, error = (row[column.key + ending] for ending in ("", *BESIDE))
    if value is None:
        return "-"
    text = format(value, column.printed)
    if low is not None:
        text += f" [{low:{column.printed}}, {high:{column.printed}}]"
    return text if error is None else f"{text} ± {error:{column.printed}}"


def _aligned(value: float | None, form: str) -> str:
    width = int(form.partition(".")[0])
    return f"{'-':>{width}}" if value is None else format(value, f">{form}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return f"{value:.9g}" if isinstance(value, float) else str(value)
