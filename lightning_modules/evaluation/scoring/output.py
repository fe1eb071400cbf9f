"""Rows as CSV, JSON and text."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datamodules.new_files import new_file
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.rows import COLUMNS, FIGURES, Row


def check_output(path: Path) -> None:
    """Refuse a name that does not say which format is meant.

    Raises:
        InputError: the suffix is neither .csv nor .json.
    """
    if path.suffix not in (".csv", ".json"):
        raise InputError(f"expected an output that ends in .csv or .json, got {str(path)!r}")


def write_scores(path: Path, rows: Sequence[Row]) -> None:
    """Write ``rows`` as CSV or JSON, by the suffix, under a temporary name, then rename.

    What is missing is an empty cell or null; JSON holds the confusion matrix too.

    Raises:
        InputError: the suffix is another.
    """
    check_output(path)
    with new_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        if path.suffix == ".json":
            table = [{**row.cells(), "confusion": row.confusion} for row in rows]
            json.dump(table, file, indent=1, ensure_ascii=False, allow_nan=False)
            file.write("\n")
        else:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([_cell(value) for value in row.cells().values()] for row in rows)


def format_scores(rows: Sequence[Row]) -> str:
    """Accuracy, confidence and diversity as a text table; diversity also relative to the first row."""
    lines = [f"{'':<28}{'clips':>6}{'accuracy':>10}{'confidence':>12}{'diversity':>11}{'of first row':>14}"]
    first = rows[0].figures.get("diversity")
    for row in rows:
        diversity = row.figures.get("diversity")
        share = diversity / first if diversity is not None and first else None
        cells = [
            _text(row.figures.get("accuracy"), "10.1%"),
            _text(row.figures.get("confidence"), "12.3f"),
            _text(diversity, "11.3f"),
            _text(share, "14.0%"),
        ]
        lines.append(f"{row.name:<28}{row.count:>6}" + "".join(cells))
    return "\n".join(lines)


def format_table(rows: Sequence[Row]) -> str:
    """All figures that some row has as a text table, errors beside them, and the notes below it."""
    known = [name for name in FIGURES if not name.endswith(_BESIDE) and any(name in row.figures for row in rows)]
    table = [["", "clips", *known]]
    for row in rows:
        table.append([row.name, str(row.count), *(_figure(row.figures, name) for name in known)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in table
    ]
    return "\n".join([*lines, *(f"{row.name}: {note}" for row in rows for note in row.notes)])


_BESIDE = ("_low", "_high", "_error")  # endings of what is shown with the figure that it belongs to
_FORMATS: dict[str, str] = {
    "accuracy": ".1%",
    "accuracy_seen": ".1%",
    "accuracy_unseen": ".1%",
    "guide_accuracy": ".1%",
    "kid": ".5f",
    "ndb": ".2f",
    "nearest_ratio": ".2f",
}


def _figure(figures: dict[str, float], name: str) -> str:
    """A figure with its interval or standard error, in the same format."""
    if name not in figures:
        return "-"
    form = _FORMATS.get(name, ".3f")
    text = format(figures[name], form)
    if f"{name}_low" in figures:
        text += f" [{figures[f'{name}_low']:{form}}, {figures[f'{name}_high']:{form}}]"
    if f"{name}_error" in figures:
        text += f" ± {figures[f'{name}_error']:{form}}"
    return text


def _text(value: float | None, form: str) -> str:
    width = int(form.partition(".")[0])
    return f"{'-':>{width}}" if value is None else format(value, f">{form}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return f"{value:.9g}" if isinstance(value, float) else str(value)
