"""The kernel distance between generated and real features, which the number of clips does not bias."""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.inputs import float64_rows, require, require_no_reference
from lightning_modules.metrics.ordered_rows import append_rows, hold_rows, ordered_rows
from lightning_modules.metrics.resampling import disjoint_subsets, smallest_hashes

STATES = ("generated", "real")


def kernel_distance(x: Tensor, y: Tensor) -> Tensor:
    r"""Unbiased squared MMD of samples ``(M, D)`` and ``(N, D)`` under the cubic kernel, a float64 scalar.

    .. math:: \frac{\sum_{i \ne j} k(x_i, x_j)}{M (M - 1)} + \frac{\sum_{i \ne j} k(y_i, y_j)}{N (N - 1)}
        - \frac{2 \sum_{i, j} k(x_i, y_j)}{M N}, \qquad k(a, b) = (a^\top b / D + 1)^3

    Bińkowski et al. 2018 (arXiv:1801.01401, Eq. 4 and Section 3). Negative values occur: its mean is 0 for equal
    distributions.

    Raises:
        ValueError: one side has fewer than 2 samples.
    """
    m, n = require(len(x), 2, "generated"), require(len(y), 2, "real")
    x, y = x.double(), y.double()
    within = _pairs(x, x, own=True) / (m * (m - 1)) + _pairs(y, y, own=True) / (n * (n - 1))
    return within - 2.0 * _pairs(x, y) / (m * n)


class KernelDistance(Metric):
    """Kernel distance (KID) between real and generated features, with its standard error over disjoint subsets.

    The features themselves are stored, of at most ``limit`` clips of either side. These are chosen by a hash of their
    places, so that the choice depends on neither batches nor processes. Memory: ``8 (D + 1)`` bytes per clip and up to
    a quarter more clips in between, so 98 MiB for 10,000 clips of 1024 features in each process, and about three times
    that to compute.

    Args:
        num_subsets: number of disjoint subsets of either side, at least 2; the distance is the mean over them.
        reference: ``(M, D)`` features of the training split, known beforehand; None takes them from updates with
            ``real``.
        limit: largest number of clips of either side.
    """

    full_state_update = False
    reference: Tensor | None

    def __init__(
        self,
        num_features: int,
        num_subsets: int = 10,
        seed: int = 0,
        reference: Tensor | None = None,
        limit: int = 10_000,
    ) -> None:
        super().__init__()
        if num_subsets < 2:
            raise ValueError(f"expected at least 2 subsets for a standard error, got {num_subsets}")
        if limit < 2 * num_subsets:
            raise ValueError(f"expected a limit of at least {2 * num_subsets} clips, got {limit}")
        self.num_features, self.num_subsets, self.seed, self.limit = num_features, num_subsets, seed, limit
        for name in STATES:
            hold_rows(self, name)
        self.reference = reference

    def update(self, features: Tensor, real: bool = False, index: Tensor | None = None) -> None:
        """Add ``features`` ``(B, D)`` of generated clips, or of real ones if ``real``; ``index`` is that of its kind.

        Raises:
            ValueError: a shape is another, or real clips come although a reference was given.
        """
        if real:
            require_no_reference(self.reference)
        rows = float64_rows(features, self.num_features, self.device)
        append_rows(self, STATES[int(real)], rows, index, self.limit)

    def compute(self) -> dict[str, Tensor]:
        """``kid`` and ``kid_error``, its standard error; float64 scalars, of at least 2 clips per subset and side."""
        sides = []
        for shift, name in enumerate(STATES):
            rows = self._rows(name)
            count = require(len(rows), 2 * self.num_subsets, f"{name} (2 for each of {self.num_subsets} subsets)")
            sides.append([rows[part] for part in disjoint_subsets(count, self.num_subsets, self.seed + shift)])
        values = torch.stack([kernel_distance(x, y) for x, y in zip(*sides, strict=True)])
        return {"kid": values.mean(), "kid_error": values.std() / self.num_subsets**0.5}

    def _rows(self, name: str) -> Tensor:
        if name == "generated" or self.reference is None:
            return ordered_rows(self, name, self.num_features, self.limit)
        chosen = smallest_hashes(torch.arange(len(self.reference)), self.limit).to(self.reference.device)
        return float64_rows(self.reference[chosen], self.num_features, self.device)


def _pairs(x: Tensor, y: Tensor, own: bool = False, chunk: int = 1024) -> Tensor:
    """Sum of the kernel over all pairs, in chunks of rows; ``own`` leaves out pairs of a sample with itself."""
    width = x.shape[1]
    total = torch.stack([(part @ y.mT / width + 1.0).pow(3).sum() for part in x.split(chunk)]).sum()
    return total - (x.square().sum(dim=1) / width + 1.0).pow(3).sum() if own else total
