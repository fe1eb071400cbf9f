"""Mean and covariance of features: computed batch by batch, and stored for the next evaluation."""

import io
import pickle
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.errors import InputError
from lightning_modules.metrics.inputs import float64_rows, require
from lightning_modules.new_files import new_file


class FeatureStatistics(NamedTuple):
    """Mean and covariance of the features of a set of clips: all that a Fréchet distance needs."""

    mean: Tensor  # (D,) float64
    covariance: Tensor  # (D, D) float64, unbiased
    num_clips: int  # number of clips, N

    def save(self, path: str | Path) -> None:
        """Write to ``path`` under a temporary name, then rename."""
        stored = {"mean": self.mean.cpu(), "covariance": self.covariance.cpu(), "num_clips": self.num_clips}
        content = io.BytesIO()
        torch.save(stored, content)
        with new_file(Path(path)) as temporary:
            temporary.write_bytes(content.getbuffer())

    @classmethod
    def load(cls, path: str | Path) -> "FeatureStatistics":
        """Statistics from a file that :meth:`save` wrote.

        Raises:
            InputError: the file is missing, damaged, or holds something else.
        """
        try:
            stored = torch.load(path, map_location="cpu", weights_only=True)
            return cls(**stored)
        except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, TypeError) as error:
            raise InputError(f"expected feature statistics written by save(), cannot read {str(path)!r}") from error


def statistics_from_sums(count: Tensor, total: Tensor, outer: Tensor, kind: str) -> FeatureStatistics:
    r"""Mean and unbiased covariance, :math:`(\sum x x^\top - N \bar x \bar x^\top) / (N - 1)`, of at least 2 clips.

    They are computed from the number of clips, the sum ``(D,)`` of features and that ``(D, D)`` of their outer
    products; ``kind`` names the clips in the error.
    """
    n = require(count, 2, kind)
    mean = total / n
    return FeatureStatistics(mean, (outer - n * torch.outer(mean, mean)) / (n - 1), n)


class FeatureMoments(Metric):
    """Computes :class:`FeatureStatistics` batch by batch in float64; memory does not grow with the number of clips.

    The rounding error grows with the square of mean over standard deviation: 1e-8 relative at a ratio of a thousand.
    """

    full_state_update = False
    count: Tensor
    total: Tensor
    outer: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros(num_features, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("outer", torch.zeros(num_features, num_features, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor) -> None:
        """Add ``features`` ``(B, D)``."""
        x = float64_rows(features, self.num_features, self.device)
        self.count = self.count + len(x)
        self.total = self.total + x.sum(dim=0)
        self.outer = self.outer + x.mT @ x

    def compute(self) -> FeatureStatistics:
        """Statistics of all features added so far, of at least 2 clips."""
        return statistics_from_sums(self.count, self.total, self.outer, "feature")
