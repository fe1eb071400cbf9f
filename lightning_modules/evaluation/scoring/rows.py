"""Holds one row of the table: what was scored, its figures, its facts, and why a figure is missing."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lightning_modules.errors import closest
from lightning_modules.evaluation.scoring.columns import BESIDE, COLUMNS, FACTS, MEASURES
from lightning_modules.evaluation.scoring.descriptions import Description

REAL_TRAIN, REAL_TEST, THROUGH = "real train", "real test", "real test through"  # names of rows of real speech
GRIFFIN_LIM = "Griffin-Lim"  # follows THROUGH
_FIELDS = ("name", "count", "notes", "evaluator", "reference_count")
_FIGURES = frozenset(name + ending for name in MEASURES for ending in ("", *BESIDE))


def keep_finite(figures: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    """Keep the figures that are finite, and write a note for each that is not."""
    finite = {name: value for name, value in figures.items() if math.isfinite(value)}
    return finite, [f"{name}: {value}, left out" for name, value in figures.items() if name not in finite]


@dataclass(frozen=True)
class Row:
    """One row of the table; ``row["fid"]`` reads any of its columns."""

    name: str  # what was scored
    count: int  # number of clips, N
    # Finite values by name, of FIGURES; what could not be computed is left out.
    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # one sentence for each figure that is missing or needs care
    evaluator: str = ""  # fingerprint of the evaluator
    reference_count: int | None = None  # number of training clips that distances refer to; None without reference
    # Values by name, of FACTS; kind is one of KINDS; sampler, schedules and vocoder are a Description.
    facts: dict[str, Any] = field(default_factory=dict)
    # Counts, rows intended and columns recognised; None where no clip has an intended digit.
    confusion: list[list[int]] | None = None
    file: str = field(default="", compare=False)  # the file that it was read from; empty for a row that was not

    @classmethod
    def from_values(cls, values: Mapping[str, Any], file: str = "") -> "Row":
        """Make a row of values by column; those that are None, or of no column, are left out."""
        given = {name: value for name, value in values.items() if value is not None}
        return cls(
            **{name: given[name] for name in _FIELDS if name in given},
            figures={name: value for name, value in given.items() if name in _FIGURES},
            facts={name: value for name, value in given.items() if name in FACTS},
            file=file,
        )

    def __getitem__(self, column: str) -> Any:
        """Read a column; None where this row has no value.

        Raises:
            KeyError: there is no such column.
        """
        if column in _FIELDS:
            return getattr(self, column)
        if column in _FIGURES:
            return self.figures.get(column)
        if column in FACTS:
            return self.facts.get(column)
        raise KeyError(f"no column {column!r}{closest(column, COLUMNS)}")

    def add(self, figures: Mapping[str, float], notes: Iterable[str]) -> None:
        """Add figures and notes."""
        self.figures.update(figures)
        self.notes.extend(notes)

    def figure(self, column: str) -> tuple[Any, ...]:
        """Read a column and what is known beside it: both ends of its 95 % interval, and its standard error."""
        return (self[column], *(self.figures.get(column + ending) for ending in BESIDE))

    def replaced(self, **values: Any) -> "Row":
        """Copy this row with other values in some columns; None empties one."""
        own = {**{name: self[name] for name in _FIELDS}, **self.figures, **self.facts}
        return Row.from_values({**own, **values}, self.file)

    def cells(self) -> dict[str, Any]:
        """Return plain values of all columns, None where there is none; descriptions are text."""
        values = {name: self[name] for name in COLUMNS}
        return {name: str(value) if isinstance(value, Description) else value for name, value in values.items()}
