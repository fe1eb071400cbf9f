"""How often does the evaluator hear the digit that was asked for?"""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.labels import NO_LABEL
from lightning_modules.metrics.inputs import float64_rows, require


class IntendedAccuracy(Metric):
    """Accuracy of intended classes, overall and per class, their confusion matrix, and the mean confidence."""

    full_state_update = False
    confusion: Tensor
    confidence: Tensor
    confidence_square: Tensor
    count: Tensor

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.add_state("confusion", torch.zeros(num_classes, num_classes, dtype=torch.long), dist_reduce_fx="sum")
        for name in ("confidence", "confidence_square"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, log_probs: Tensor, y: Tensor) -> None:
        """Add ``log_probs`` ``(B, K)`` of clips with intended classes ``y`` ``(B,)``.

        Clips without an intended class (:data:`NO_LABEL`) count for the confidence only.

        Raises:
            ValueError: a shape or a class does not fit.
        """
        rows = float64_rows(log_probs, self.num_classes, self.device)
        y = y.to(self.device)
        if y.shape != rows.shape[:1]:
            raise ValueError(f"expected {len(rows)} intended classes, got shape {tuple(y.shape)}")
        if bool((y >= self.num_classes).any()) or bool((y < NO_LABEL).any()):
            raise ValueError(f"expected classes from {NO_LABEL} to {self.num_classes - 1}, got {y.tolist()}")
        largest, choice = rows.max(dim=1)
        pairs = (y * self.num_classes + choice)[y >= 0]
        cells = torch.bincount(pairs, minlength=self.num_classes**2)
        self.confusion = self.confusion + cells.view(self.num_classes, self.num_classes)
        self.confidence = self.confidence + largest.exp().sum()
        self.confidence_square = self.confidence_square + largest.exp().square().sum()
        self.count = self.count + len(rows)

    def compute(self) -> dict[str, Tensor]:
        """Values by name; a value that no clip determines is left out, so that none is NaN.

        * ``confidence``: mean of the largest class probability, of all clips;
        * ``confidence_error``: its standard error, of at least two clips;
        * ``confusion``: ``(K, K)`` integers, rows intended, columns heard; its row sums count the clips per class;
        * ``accuracy``: over clips with an intended class;
        * ``accuracy_0`` …: per intended class that has a clip.
        """
        mean = self.confidence / require(self.count, 1, "generated")
        values = {"confidence": mean, "confusion": self.confusion}
        if self.count > 1:
            variance = (self.confidence_square / self.count - mean.square()).clamp(min=0.0)
            values["confidence_error"] = (variance / (self.count - 1)).sqrt()
        asked, hits = self.confusion.sum(dim=1).double(), self.confusion.diagonal().double()
        if asked.sum():
            values["accuracy"] = hits.sum() / asked.sum()
        return values | {f"accuracy_{k}": hits[k] / asked[k] for k in range(self.num_classes) if asked[k]}
