"""Decides whether a cheaper row is as good as a reference, and finds the cheapest that is."""

from collections.abc import Sequence

from lightning_modules.evaluation.scoring.columns import LESS, TABLE
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.sweep import Mark, has_interval, interval

QUALITIES = ("accuracy", "confidence", "diversity", "kid")
TOLERANCE = 0.025  # relative, for figures of the reference that have no interval
RULE = (
    "Same quality: accuracy, confidence and diversity not below, KID not above the worse end of the reference's 95 % "
    f"interval; a figure without interval may be worse by {100 * TOLERANCE:g} % of it."
)


def bound(reference: Row, column: str) -> float:
    """Compute the value from which on a figure is as good as the reference's."""
    less = TABLE[column].better == LESS
    if has_interval(reference, column):
        return interval(reference, column)[int(less)]
    value: float = reference[column]
    return value + TOLERANCE * abs(value) * (1 if less else -1)


def verdict(row: Row, reference: Row) -> str:
    """Write ``yes``, or ``no`` or ``not known`` and in which :data:`QUALITIES`."""
    known = [column for column in QUALITIES if row[column] is not None and reference[column] is not None]
    if worse := [column for column in known if _is_worse(row, reference, column)]:
        return f"no: {', '.join(worse)}"
    if unknown := [column for column in QUALITIES if column not in known]:
        return f"not known: {', '.join(unknown)}"
    return "yes"


def _is_worse(row: Row, reference: Row, column: str) -> bool:
    gain: float = row[column] - bound(reference, column)
    return gain > 0 if TABLE[column].better == LESS else gain < 0


def share_of_cost(row: Row, reference: Row) -> float | None:
    """Divide the GMACs of a sample by those of the reference; None where one does not state them."""
    cost, whole = row["gmacs_per_sample"], reference["gmacs_per_sample"]
    return None if cost is None or not whole else cost / whole


def cheapest(marks: Sequence[Mark], reference: Row) -> Mark | None:
    """Find the mark of fewest GMACs per sample that is as good as ``reference``, or None."""
    stated = [mark for mark in marks if mark.row["gmacs_per_sample"] is not None]
    passing = [mark for mark in stated if verdict(mark.row, reference) == "yes"]
    return min(passing, key=lambda mark: mark.row["gmacs_per_sample"], default=None)
