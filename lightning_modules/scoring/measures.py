"""What a row measures of the evaluator's predictions, in groups that each command composes."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_modules.metrics import (
    InceptionScore,
    IntendedAccuracy,
    IntraClassDiversity,
    ModifiedInceptionScore,
    bootstrap,
)


class Predictions(NamedTuple):
    """What the evaluator makes of clips, on the CPU.

    Attributes:
        log_probs: ``(B, K)`` natural logarithms of class probabilities.
        features: ``(B, D)`` input of its last layer.
        y: ``(B,)`` intended digits, -1 for none.
    """

    log_probs: Tensor
    features: Tensor
    y: Tensor


class Measure(ABC):
    """Figures of one kind, from predictions that come in batches."""

    @abstractmethod
    def update(self, seen: Predictions) -> None:
        """Add a batch."""

    @abstractmethod
    def parts(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """Computations by name; each gives figures, or raises ValueError where there are too few clips."""

    def compute(self) -> tuple[dict[str, float], list[str]]:
        """Finite figures, and a note for each part or figure that there is not."""
        figures: dict[str, float] = {}
        notes: list[str] = []
        for name, part in self.parts().items():
            try:
                found = {column: float(value) for column, value in part().items()}
            except (ValueError, torch.linalg.LinAlgError) as error:
                notes.append(f"{name}: {error}")
                continue
            figures |= {column: value for column, value in found.items() if math.isfinite(value)}
            notes += [f"{column}: {value}, left out" for column, value in found.items() if not math.isfinite(value)]
        return figures, notes


class Recognition(Measure):
    """Accuracy of intended digits with its bootstrap 95 % interval, and confidence; a bit per clip is kept."""

    def __init__(self) -> None:
        self.metric = IntendedAccuracy()
        self.hits: list[Tensor] = []

    def update(self, seen: Predictions) -> None:
        self.metric.update(seen.log_probs, seen.y)
        self.hits.append((seen.log_probs.argmax(dim=1) == seen.y)[seen.y >= 0])

    def parts(self) -> dict[str, Callable[[], dict[str, Any]]]:
        return {"confidence": self._confidence, "accuracy": self._accuracy, "accuracy interval": self._interval}

    def _confidence(self) -> dict[str, Any]:
        return {"confidence": self.metric.compute()["confidence"]}

    def _accuracy(self) -> dict[str, Any]:
        values = self.metric.compute()
        if "accuracy" not in values:
            raise ValueError("no clip has an intended digit")
        return {"accuracy": values["accuracy"]}

    def _interval(self) -> dict[str, Any]:
        hits = torch.cat(self.hits)
        if not len(hits):
            return {}
        interval = bootstrap(hits)
        return {"accuracy_low": interval.low, "accuracy_high": interval.high}


class Diversity(Measure):
    """Diversity within classes; where a clip has no intended digit, within the class that the evaluator hears.

    Args:
        num_features: width of the evaluator's features, D.
    """

    def __init__(self, num_features: int) -> None:
        self.metric = IntraClassDiversity(num_features)

    def update(self, seen: Predictions) -> None:
        self.metric.update(seen.features, torch.where(seen.y >= 0, seen.y, seen.log_probs.argmax(dim=1)))

    def parts(self) -> dict[str, Callable[[], dict[str, Any]]]:
        return {"diversity": self._diversity}

    def _diversity(self) -> dict[str, Any]:
        if not bool((self.metric.count > 1).any()):
            raise ValueError("no class has two clips")
        return {"diversity": self.metric.compute()}


class Sharpness(Measure):
    """Inception scores, plain and modified, each in its exact form and the benchmark's; log-probabilities are kept."""

    def __init__(self) -> None:
        self.metrics = {"is": InceptionScore(), "mis": ModifiedInceptionScore()}

    def update(self, seen: Predictions) -> None:
        for metric in self.metrics.values():
            metric.update(seen.log_probs)

    def parts(self) -> dict[str, Callable[[], dict[str, Any]]]:
        return {name: metric.compute for name, metric in self.metrics.items()}
