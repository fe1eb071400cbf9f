"""Places rows of many runs as marks in a plot: in a panel, on a line, at a value of the x-axis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any, NamedTuple

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.columns import BESIDE, MEASURES
from lightning_modules.evaluation.scoring.measures import NORMAL
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.axes import labels, order, read
from lightning_modules.evaluation.tables.groups import SETTINGS
from lightning_modules.evaluation.tables.row_files import leave_out


class Point(NamedTuple):
    """A point of a line and its interval, which is the value itself where none is known."""

    x: float
    y: float
    low: float
    high: float


class Mark(NamedTuple):
    """A row at its place in the plot, or the mean of runs that differ by their seed only."""

    panel: str
    line: str
    x: float
    row: Row
    runs: int


@dataclass(frozen=True)
class Sweep:
    """The column of one plot's x-axis, the names of its panels and lines, and its marks in order of all three."""

    x: str
    panels: list[str]
    lines: list[str]
    marks: list[Mark]

    def points(self, panel: str, line: str, y: str) -> list[Point]:
        """Collect the points of a line, by x; rows without ``y`` give none."""
        chosen = [mark for mark in self.marks if (mark.panel, mark.line) == (panel, line)]
        return [Point(mark.x, mark.row[y], *interval(mark.row, y)) for mark in chosen if mark.row[y] is not None]


def interval(row: Row, column: str) -> tuple[float, float]:
    """Find both ends of a figure's 95 % interval; where its row states none, by the standard error.

    Without that both are the figure. Of a mean over seeds they are its standard deviation away.
    """
    value, low, high, error = row.figure(column)
    if low is not None and high is not None:
        return low, high
    reach = 0.0 if error is None else NORMAL * error
    return value - reach, value + reach


def has_interval(row: Row, column: str) -> bool:
    """Whether a row says how sure a figure is."""
    _, low, high, error = row.figure(column)
    return error is not None or (low is not None and high is not None)


def arrange(rows: Iterable[Row], x: str, panels: Sequence[str], lines: Sequence[str]) -> Sweep:
    """Place ``rows`` as marks; one without ``x`` is named on standard error and left out.

    The values of the columns ``panels`` tell panels apart, those of ``lines`` tell lines apart.

    Raises:
        InputError: rows at one place of one line differ in a setting, so that no line would be true.
    """
    placed: list[tuple[tuple[Any, ...], tuple[Any, ...], Row]] = []
    for row in rows:
        if row[x] is None:
            leave_out(f"{row.name!r} ({row.file}): no {x}")
            continue
        placed.append((_values(row, panels), _values(row, lines), row))
    panel_names = _names(panels, [panel for panel, _, _ in placed])
    line_names = _names(lines, [line for _, line, _ in placed])
    marks = []
    for panel, panel_name in panel_names.items():
        for line, line_name in line_names.items():
            here = [row for at, along, row in placed if (at, along) == (panel, line)]
            for value in sorted({float(row[x]) for row in here}):
                alike = [row for row in here if float(row[x]) == value]
                _check_alike(alike, f"{x} = {value:g} of {line_name!r}")
                marks.append(Mark(panel_name, line_name, value, _mean(alike), len(alike)))
    return Sweep(x, list(panel_names.values()), list(line_names.values()), marks)


def _values(row: Row, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(read(row, column) for column in columns)


def _names(columns: Sequence[str], found: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], str]:
    """Name the combinations that occur, in order."""
    distinct = sorted(
        set(found), key=lambda values: [order(column, value) for column, value in zip(columns, values, strict=True)]
    )
    by_column = [labels(column, [values[i] for values in distinct]) for i, column in enumerate(columns)]
    return {
        values: ", ".join(names[value] for names, value in zip(by_column, values, strict=True)) for values in distinct
    }


def _check_alike(rows: Sequence[Row], place: str) -> None:
    for column in SETTINGS:
        differing = sorted({str(read(row, column)) for row in rows})
        if column != "name" and len(differing) > 1:
            raise InputError(
                f"{len(rows)} rows at {place} differ in {column} ({', '.join(differing)}): add {column} to --lines or "
                f"--panels, or keep one with --where '{{{column}: ...}}'"
            )


def _mean(rows: Sequence[Row]) -> Row:
    """Return the only row, or the means of several rows, with standard deviations as intervals."""
    if len(rows) == 1:
        return rows[0]
    changes: dict[str, float | None] = {}
    for name in MEASURES:
        values = [row[name] for row in rows if row[name] is not None]
        known = len(values) == len(rows)
        changes |= {f"{name}{end}": None for end in BESIDE} | {name: mean(values) if known else None}
        if known:
            changes |= {f"{name}_low": mean(values) - stdev(values), f"{name}_high": mean(values) + stdev(values)}
    return replace(rows[0].replaced(**changes), file="")


def with_seen_accuracy(rows: Sequence[Row]) -> list[Row]:
    """Count the accuracy of models that saw all digits as one over seen digits, where other rows tell these apart."""
    if all(row["accuracy_unseen"] is None for row in rows):
        return list(rows)
    result = []
    for row in rows:
        if row["training_labels"] is not None and row["accuracy_seen"] is None and row["accuracy_unseen"] is None:
            row = row.replaced(**{f"accuracy_seen{end}": row[f"accuracy{end}"] for end in ("", *BESIDE)})
        result.append(row)
    return result
