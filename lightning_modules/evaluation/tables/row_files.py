"""Reads rows from the JSON files that `scoretap test` and `scoretap score` write."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.columns import (
    COLUMNS,
    DESCRIPTION,
    DIGITS,
    KINDS,
    NUMBERS,
    TABLE,
    TEXT,
)
from lightning_modules.evaluation.scoring.descriptions import read_description
from lightning_modules.evaluation.scoring.rows import Row

SCORES = "scores.json"
T = TypeVar("T")


def collect_rows(runs: Sequence[str]) -> list[Row]:
    """Read the rows of JSON files and of run folders, which are searched for ``scores.json``; each file is read once.

    What cannot be used is named on standard error and left out.

    Raises:
        InputError: nothing is left.
    """
    rows = [row for read in read_each(runs, _find_files, read_rows) for row in read]
    if not rows:
        raise InputError(
            f"expected run folders with {SCORES} or JSON files of `scoretap score`, got no row from "
            f"{', '.join(map(repr, runs))}: run `scoretap test` first"
        )
    return rows


def read_each(runs: Sequence[str], find: Callable[[Path], list[Path]], read: Callable[[Path], T]) -> list[T]:
    """Read the places that ``find`` finds in each of ``runs``, each once, in order.

    What raises InputError is named on standard error and left out.
    """
    found: dict[Path, T | None] = {}
    for run in runs:
        with leaving_out():
            for place in find(Path(run).expanduser()):
                if place.resolve() not in found:
                    found[place.resolve()] = None
                    with leaving_out():
                        found[place.resolve()] = read(place)
    return [each for each in found.values() if each is not None]


@contextmanager
def leaving_out() -> Iterator[None]:
    """Go on after an InputError, which is named on standard error."""
    try:
        yield
    except InputError as error:
        leave_out(error)


def leave_out(what: InputError | str) -> None:
    """Name on standard error what is not shown."""
    print(f"scoretap: left out {what}", file=sys.stderr)


def read_rows(file: Path) -> list[Row]:
    """Read the rows of one JSON file.

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
        return [Row.from_values(_values(entry), str(file)) for entry in table]
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


def _values(entry: Any) -> dict[str, Any]:
    """Check one row and return its known columns; a ValueError says what is wrong."""
    if not isinstance(entry, dict):
        raise ValueError(f"{str(entry)[:40]!r} in place of a row")
    values = {column: entry.get(column) for column in COLUMNS}
    for column, value in values.items():
        if not _is_valid(column, value):
            raise ValueError(f"a row with {column} {value!r}")
        if value is not None and column in TABLE and TABLE[column].value == DESCRIPTION:
            try:
                values[column] = read_description(value)
            except ValueError as error:
                raise ValueError(f"a row with {column} {error}") from error
    values["kind"] = values["kind"] or "folder"
    if values["kind"] not in KINDS:
        raise ValueError(f"a row of kind {values['kind']!r}")
    return values


def _is_valid(column: str, value: Any) -> bool:
    """Whether a column may hold ``value``; most columns may be empty."""
    if column == "count":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if column in ("name", "evaluator"):
        return isinstance(value, str)
    if value is None:
        return True
    if column == "notes":
        return isinstance(value, list)
    if column in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    expected = TABLE[column].value
    if expected == DIGITS:
        return isinstance(value, list) and all(isinstance(digit, int) for digit in value)
    return isinstance(value, str) or expected != TEXT
