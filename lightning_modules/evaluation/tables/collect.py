"""Rows out of the JSON files that `scoretap test` and `scoretap score` write."""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.rows import COLUMNS, FIGURES, KINDS

SCORES = "scores.json"
# Columns that the table computes with; other facts are only passed on.
NUMBERS = (
    *FIGURES,
    *("evaluator_accuracy", "parameters_million", "trained_million", "gmacs_per_step", "nfe", "gmacs_per_sample"),
    *(
        "seconds_per_sample",
        "peak_memory_gb",
        "guidance_scale",
        "num_steps",
        "training_steps",
        "training_batch_size",
        "training_fraction",
        "reference_count",
    ),
)
_TEXTS = ("kind", "corpus", "model", "sampler", "guidance", "time_grid", "vocoder", "checkpoint")


@dataclass(frozen=True)
class Row:
    """One row of a file.

    Attributes:
        cells: values by name, of :data:`~lightning_modules.evaluation.scoring.rows.COLUMNS`;
            what is missing is None or left out.
        file: where it came from; empty for what was computed of several rows.
    """

    cells: dict[str, Any]
    file: str = ""

    def __getitem__(self, column: str) -> Any:
        return self.cells.get(column)


def collect_rows(runs: Sequence[str]) -> list[Row]:
    """Rows of run folders, searched for ``scores.json``, and of JSON files; each file is read once.

    What cannot be used is named on standard error and left out.

    Raises:
        InputError: nothing is left.
    """
    rows: list[Row] = []
    read: set[Path] = set()
    for run in runs:
        try:
            files = _find_files(Path(run).expanduser())
        except InputError as error:
            _leave_out(error)
            continue
        for file in files:
            if file.resolve() in read:
                continue
            read.add(file.resolve())
            try:
                rows += read_rows(file)
            except InputError as error:
                _leave_out(error)
    if not rows:
        raise InputError(
            f"expected run folders with {SCORES} or JSON files of `scoretap score`, got no row from "
            f"{', '.join(map(repr, runs))}: run `scoretap test` first"
        )
    return rows


def read_rows(file: Path) -> list[Row]:
    """Rows of one JSON file.

    Raises:
        InputError: the file cannot be read, is damaged, or holds something else.
    """
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{str(file)!r}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{str(file)!r}: expected JSON, the file is damaged or of another kind ({error})") from error
    try:
        if not isinstance(table, list) or not table:
            raise ValueError("no list of rows")
        return [Row(_cells(entry), str(file)) for entry in table]
    except ValueError as error:
        raise InputError(f"{str(file)!r}: expected rows of `scoretap test` or `score`, got {error}") from error


def _find_files(run: Path) -> list[Path]:
    if run.is_file():
        return [run]
    if not run.is_dir():
        raise InputError(f"{str(run)!r}: no such file or folder")
    files = sorted(file for file in run.rglob(SCORES) if file.is_file())
    if not files:
        raise InputError(f"{str(run)!r}: no {SCORES} in this folder")
    return files


def _cells(entry: Any) -> dict[str, Any]:
    """The known columns of one row; ValueError says what is wrong with it."""
    if not isinstance(entry, dict):
        raise ValueError(f"{str(entry)[:40]!r} in place of a row")
    cells = {column: entry.get(column) for column in COLUMNS}
    count, notes = cells["count"], cells["notes"]
    for column in ("name", "evaluator"):
        if not isinstance(cells[column], str):
            raise ValueError(f"a row with {column} {cells[column]!r}")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ValueError(f"a row with count {count!r}")
    for column in NUMBERS:
        if cells[column] is not None and not _is_number(cells[column]):
            raise ValueError(f"a row with {column} {cells[column]!r}")
    for column in _TEXTS:
        if not isinstance(cells[column], str | None):
            raise ValueError(f"a row with {column} {cells[column]!r}")
    for column in ("labels", "training_labels"):
        digits = cells[column]
        if digits is not None and not (isinstance(digits, list) and all(isinstance(digit, int) for digit in digits)):
            raise ValueError(f"a row with {column} {digits!r}")
    if notes is not None and not isinstance(notes, list):
        raise ValueError(f"a row with notes {notes!r}")
    cells["kind"] = cells["kind"] or "folder"
    if cells["kind"] not in KINDS:
        raise ValueError(f"a row of kind {cells['kind']!r}")
    return cells


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _leave_out(error: InputError) -> None:
    print(f"scoretap: left out {error}", file=sys.stderr)
