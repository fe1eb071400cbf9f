"""One row of the table: what was judged, its figures, what it cost, and why a figure is missing."""

from dataclasses import dataclass, field
from typing import Any

# What the evaluator and other judges make of the clips. `_low` and `_high` end a 95 % interval, `_error` is a standard
# error; both are shown beside the figure that they belong to.
FIGURES = (
    "accuracy", "accuracy_low", "accuracy_high",
    "accuracy_seen", "accuracy_seen_low", "accuracy_seen_high",
    "accuracy_unseen", "accuracy_unseen_low", "accuracy_unseen_high", "guide_accuracy",
    "confidence", "confidence_low", "confidence_high", "diversity", "diversity_low", "diversity_high",
    "is", "is_low", "is_high", "is_bench", "mis", "mis_low", "mis_high", "mis_bench",
    "fid", "fid_error", "kid", "kid_error", "am", "am_low", "am_high", "ndb", "nearest_ratio",
    "fad", "fad_error", "scoreq", "scoreq_low", "scoreq_high",
)  # fmt: skip
# What was judged and how it came to be.
FACTS = (
    "kind", "corpus", "labels", "evaluator_accuracy", "model", "parameters_million", "trained_million",
    "gmacs_per_step", "nfe", "gmacs_per_sample", "seconds_per_sample", "peak_memory_gb", "device", "precision",
    "guidance_scale", "guidance", "sampler", "time_grid", "num_steps", "seed", "vocoder",
    "training_labels", "training_fraction", "training_steps", "training_batch_size",
    "test_loss", "checkpoint", "commit",
)  # fmt: skip
COLUMNS = ("name", "count", *FIGURES, *FACTS, "reference_count", "evaluator", "notes")
LARGEST_GAP = 0.1  # of accuracies: where the guide is further ahead, guidance made patterns rather than digits
KINDS = ("model", "folder", "anchor", "floor")


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: what was judged.
        count: number of clips, N.
        figures: finite values by name, of :data:`FIGURES`; what could not be computed is left out.
        notes: one sentence for each figure that is missing or needs care.
        evaluator: fingerprint of the judge.
        reference_count: number of training clips that distances refer to; None without reference.
        facts: plain values by name, of :data:`FACTS`; ``kind`` is one of :data:`KINDS`.
        confusion: counts, rows intended and columns heard, of clips with an intended digit; None where there is none.
    """

    name: str
    count: int
    figures: dict[str, float]
    notes: list[str] = field(default_factory=list)
    evaluator: str = ""
    reference_count: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    confusion: list[list[int]] | None = None

    def cells(self) -> dict[str, Any]:
        """Plain values of :data:`COLUMNS`, None where there is none."""
        return {
            "name": self.name,
            "count": self.count,
            **{name: self.figures.get(name) for name in FIGURES},
            **{name: self.facts.get(name) for name in FACTS},
            "reference_count": self.reference_count,
            "evaluator": self.evaluator,
            "notes": list(self.notes),
        }
