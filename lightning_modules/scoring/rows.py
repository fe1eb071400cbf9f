"""One row of the table: what was judged, its figures, and why a figure is missing."""

from dataclasses import dataclass, field
from typing import Any

FIGURES = (
    "accuracy", "accuracy_low", "accuracy_high", "confidence", "diversity",
    "is", "is_bench", "mis", "mis_bench",
    "fid", "kid", "kid_error", "am", "ndb", "nearest_ratio",
)  # fmt: skip
COLUMNS = ("name", "count", *FIGURES, "reference_count", "evaluator", "notes")


@dataclass(frozen=True)
class Scores:
    """One row of the table.

    Attributes:
        name: what was judged.
        count: number of clips, N.
        figures: finite values by name, of :data:`FIGURES`; what could not be computed is left out.
        notes: one sentence for each figure that is missing or needs care.
        evaluator: fingerprint of the judge.
        reference_count: number of training clips that distances refer to; None without reference.
    """

    name: str
    count: int
    figures: dict[str, float]
    notes: list[str] = field(default_factory=list)
    evaluator: str = ""
    reference_count: int | None = None

    def cells(self) -> dict[str, Any]:
        """Plain values of :data:`COLUMNS`, None where there is none."""
        return {
            "name": self.name,
            "count": self.count,
            **{name: self.figures.get(name) for name in FIGURES},
            "reference_count": self.reference_count,
            "evaluator": self.evaluator,
            "notes": list(self.notes),
        }
