"""Writes the cells of rows in documents, and the marks that their names carry."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lightning_modules.evaluation.scoring.columns import FEW_CLIPS, LARGEST_GAP, MEASURES, SHOWN, TABLE, Column
from lightning_modules.evaluation.scoring.output import write_figure
from lightning_modules.evaluation.scoring.rows import Row

MISSING = "–"
FOOTNOTES = {
    "†": f"fewer than {FEW_CLIPS:,} clips: FID is exploratory, read KID and the floor at the same N.",
    "‡": f"accuracy by the guide is more than {100 * LARGEST_GAP:.0f} points above the evaluator's: the guide hears "
    "digits which the evaluator does not, adversarial patterns.",
}


class Cell(NamedTuple):
    """One cell: its figure, and what stands beside it, such as an interval; empty where nothing is known."""

    figure: str
    beside: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.figure, *self.beside])


def cells(rows: Sequence[Row]) -> dict[str, list[Cell]]:
    """Write the cells of ``rows`` by heading, for those columns that some row has."""
    columns = {column.title: [_cell(row, column) for row in rows] for column in map(TABLE.__getitem__, SHOWN)}
    return {title: found for title, found in columns.items() if any(cell.figure for cell in found)}


def swept_cell(row: Row, key: str) -> str:
    """Write a cell in the table of a plot, where columns that are no figures have four digits."""
    return str(figure_cell(TABLE[key] if key in MEASURES else Column(key), row.figure(key)))


def marks(row: Row) -> str:
    """Choose the signs of :data:`FOOTNOTES` that a row carries."""
    few = "†" if row.count < FEW_CLIPS else ""
    by_evaluator, by_guide = row["accuracy"], row["guide_accuracy"]
    fooled = by_evaluator is not None and by_guide is not None and by_guide - by_evaluator > LARGEST_GAP
    return few + ("‡" if fooled else "")


def marked_name(row: Row) -> str:
    """Write the name of a row and its marks."""
    return f"{row.name} {marks(row)}".strip()


def rounded(value: object) -> str:
    """Write a number with four digits below a hundred, as a whole number above."""
    if value is None:
        return ""
    number = float(str(value))
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.4g}"


def figure_cell(column: Column, figure: Sequence[float | None]) -> Cell:
    """Write a value in the form of its column, with its interval, or else its error, where the column shows them."""
    if not column.form:
        return Cell(rounded(figure[0]))
    value, *beside = write_figure(figure, column.form, column.scale) or [""]
    return Cell(value, tuple(beside) if column.shows_beside else ())


def _parameters(row: Row) -> Cell:
    total, trained = row["parameters_million"], row["trained_million"]
    if total is None:
        return Cell("")
    return Cell(f"{total:.2f}", () if trained is None else (f"[{trained:.2f}]",))


_SPECIAL: dict[str, Callable[[Row], Cell]] = {
    "name": lambda row: Cell(marked_name(row)),
    "count": lambda row: Cell(f"{row.count:,}"),
    "parameters_million": _parameters,
}


def _cell(row: Row, column: Column) -> Cell:
    special = _SPECIAL.get(column.key)
    return figure_cell(column, row.figure(column.key)) if special is None else special(row)
