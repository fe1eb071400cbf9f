"""Measures figures of a row from the evaluator's predictions, in groups that each command composes."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.evaluation.scoring.rows import keep_finite
from lightning_modules.metrics import (
    DiversityError,
    InceptionScore,
    IntendedAccuracy,
    IntraClassDiversity,
    ModifiedInceptionScore,
    ScoreIntervals,
    inception_from_sums,
    modified_inception_from_sums,
    wilson_interval,
)
from lightning_modules.metrics.resampling import NORMAL

Parts = Mapping[str, Callable[[], Any]]


class Predictions(NamedTuple):
    """Predictions of the evaluator for clips, all on one device that has float64."""

    log_probs: Tensor  # (B, K) natural logarithms of class probabilities
    features: Tensor  # (B, D) input of its last layer
    y: Tensor  # (B,) intended digits, -1 for none
    # (B,) place of each clip in file order. What is drawn by lot depends on it, and on neither batches nor processes
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which compares elements

    @classmethod
    def joined(cls, parts: Iterable["Predictions"]) -> "Predictions":
        """Join batches of predictions, on the CPU."""
        return cls(*(torch.cat(column).cpu() for column in zip(*parts, strict=True)))


def local_metric(metric: Metric) -> Metric:
    """Let ``metric`` compute from the clips of this process only: one process measures a row while others wait."""
    metric.distributed_available_fn = lambda: False
    return metric


class Measure(ABC):
    """Computes figures of one kind, in float64, from predictions that come in batches."""

    @abstractmethod
    def update(self, seen: Predictions) -> None:
        """Add a batch."""

    @abstractmethod
    def parts(self) -> Parts:
        """Return computations by name; each gives a figure of that name, or several by theirs.

        It raises ValueError where there are too few clips.
        """

    def metrics(self) -> list[Metric]:
        """List the metrics that this measure holds."""
        return [value for value in vars(self).values() if isinstance(value, Metric)]

    def to(self, device: torch.device | str) -> None:
        """Work on ``device``, which must have float64; the CPU by default."""
        for metric in self.metrics():
            metric.to(device)

    def confusion(self) -> list[list[int]] | None:
        """Count clips by intended and recognised digit; None where this measure does not, or no digit was intended."""
        return None

    def compute(self) -> tuple[dict[str, float], list[str]]:
        """Compute finite figures, and a note for each part or figure that is missing."""
        figures: dict[str, float] = {}
        notes: list[str] = []
        for name, part in self.parts().items():
            try:
                found = part()
                found = found if isinstance(found, dict) else {name: found}
                finite, wrong = keep_finite({column: float(value) for column, value in found.items()})
            except (ValueError, torch.linalg.LinAlgError) as error:
                notes.append(f"{name}: {error}")
                for metric in self.metrics():
                    if metric._is_synced:
                        metric.unsync()  # after an error torchmetrics leaves the state of all processes
                continue
            figures |= finite
            notes += wrong
        return figures, notes


def _ends(name: str, value: Tensor, error: Tensor | None) -> dict[str, Tensor]:
    """Compute the normal 95 % interval of a figure from its standard error; nothing where there is none."""
    if error is None:
        return {}
    return {f"{name}_low": value - NORMAL * error, f"{name}_high": value + NORMAL * error}


class Recognition(Measure):
    """Measures accuracy of intended digits and confidence, with 95 % intervals, and the confusion."""

    def __init__(self) -> None:
        self.metric = IntendedAccuracy()

    def update(self, seen: Predictions) -> None:
        self.metric.update(seen.log_probs, seen.y)

    def parts(self) -> Parts:
        return {"confidence": self._confidence, "accuracy": self._accuracy, "accuracy interval": self._interval}

    def confusion(self) -> list[list[int]] | None:
        counts = self.metric.compute()["confusion"]
        return counts.tolist() if counts.any() else None

    def _confidence(self) -> dict[str, Any]:
        values = self.metric.compute()
        own = values["confidence"]
        return {"confidence": own} | _ends("confidence", own, values.get("confidence_error"))

    def _accuracy(self) -> Any:
        values = self.metric.compute()
        if "accuracy" not in values:
            raise ValueError("no clip has an intended digit")
        return values["accuracy"]

    def _interval(self) -> dict[str, Any]:
        counts = self.metric.compute()["confusion"]
        if not counts.any():
            return {}
        interval = wilson_interval(int(counts.diagonal().sum()), int(counts.sum()))
        return {"accuracy_low": interval.low, "accuracy_high": interval.high}


class Diversity(Measure):
    """Measures diversity within classes; a clip without an intended digit counts in the class that is recognised."""

    def __init__(self, num_features: int) -> None:
        self.metric, self.error = IntraClassDiversity(num_features), DiversityError(num_features)

    def update(self, seen: Predictions) -> None:
        classes = torch.where(seen.y >= 0, seen.y, seen.log_probs.argmax(dim=1))
        self.metric.update(seen.features, classes)
        self.error.update(seen.features, classes, seen.index)

    def parts(self) -> Parts:
        return {"diversity": self.metric.compute, "diversity interval": self._interval}

    def _interval(self) -> dict[str, Any]:
        return _ends("diversity", self.metric.compute(), self.error.compute())


class Sharpness(Measure):
    """Measures Inception scores, plain and modified: exact with 95 % intervals, and as the benchmark does.

    The benchmark's forms and the intervals need every clip's log-probabilities. They are the only memory of a row that
    grows with the number of clips: 88 bytes per clip in each of three metrics, and in a fourth for the AM score's
    interval. Samples of an intended digit count as drawn in fixed numbers, others as drawn at large.
    """

    def __init__(self) -> None:
        self.plain, self.modified = InceptionScore(), ModifiedInceptionScore()
        self.intervals = ScoreIntervals(
            {"is": inception_from_sums, "mis": modified_inception_from_sums},
            logarithmic=("is", "mis"),
            bounds={"is": (1.0, float(self.plain.num_classes)), "mis": (1.0, math.inf)},
        )

    def update(self, seen: Predictions) -> None:
        for metric in (self.plain, self.modified, self.intervals):
            metric.update(seen.log_probs, seen.index, seen.y)

    def parts(self) -> Parts:
        return {"is": self.plain.compute, "mis": self.modified.compute, "is and mis intervals": self.intervals.compute}
