"""The kernel distance between generated and real features, which the number of clips does not bias."""

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary
from torchmetrics import Metric

from lightning_modules.metrics.half_samples import half_sample_scatter, split_signs, squared_distance_interval
from lightning_modules.metrics.inputs import float64_rows, require, require_no_reference
from lightning_modules.metrics.kernel_sums import cross_means, half_weights, own_means
from lightning_modules.metrics.ordered_rows import append_rows, hold_rows, labelled_rows, ordered_rows
from lightning_modules.metrics.resampling import smallest_hashes

STATES = ("generated", "real")
_own_parts = WeakIdKeyDictionary()  # of references: every row of a table is compared with one


def kernel_distance(x: Tensor, y: Tensor) -> Tensor:
    r"""Unbiased squared MMD of samples ``(M, D)`` and ``(N, D)`` under the cubic kernel, a float64 scalar.

    .. math:: \frac{\sum_{i \ne j} k(x_i, x_j)}{M (M - 1)} + \frac{\sum_{i \ne j} k(y_i, y_j)}{N (N - 1)}
        - \frac{2 \sum_{i, j} k(x_i, y_j)}{M N}, \qquad k(a, b) = (a^\top b / D + 1)^3

    Bińkowski et al. 2018 (arXiv:1801.01401, Eq. 4 and Section 3). Negative values occur: its mean is 0 for equal
    distributions.

    Raises:
        ValueError: one side has fewer than 2 samples.
    """
    require(len(x), 2, "generated")
    require(len(y), 2, "real")
    x, y = x.double(), y.double()
    one, other = x.new_ones(len(x), 1), y.new_ones(len(y), 1)
    within = own_means(x, one) + own_means(y, other)
    return (within - 2.0 * cross_means(x, one, y, other)).squeeze()


class KernelDistance(Metric):
    """Kernel distance (KID) between real and generated features over all pairs, with its standard error.

    The error is that of :func:`~lightning_modules.metrics.half_samples.half_sample_scatter`, both sides split at
    random. It holds for new clips on both sides: other samples of the generator, and other recordings of real speech.

    Where classes are given, clips are taken to be drawn class by class, in fixed numbers. Pairs of one class are
    then rarer than among clips drawn at large; they weigh more by as much, which keeps the distance unbiased.

    The features themselves are stored, of at most ``limit`` clips of either side. These are chosen by a hash of their
    places, so that the choice depends on neither batches nor processes. Memory: ``8 (D + 2)`` bytes per clip and up to
    a quarter more clips in between, so 98 MiB for 10,000 clips of 1024 features in each process, and about three times
    that to compute.

    Args:
        num_subsets: number of random splits into halves, at least 2, from which the error is estimated.
        reference: ``(M, D)`` features of the training split, known beforehand; None takes them from updates with
            ``real``.
        limit: largest number of clips of either side.
        reference_classes: ``(M,)`` classes of the reference; None for clips drawn at large.
    """

    full_state_update = False
    reference: Tensor | None

    def __init__(
        self,
        num_features: int,
        num_subsets: int = 64,
        seed: int = 0,
        reference: Tensor | None = None,
        limit: int = 10_000,
        reference_classes: Tensor | None = None,
    ) -> None:
        super().__init__()
        if num_subsets < 2:
            raise ValueError(f"expected at least 2 subsets for a standard error, got {num_subsets}")
        if limit < 4:
            raise ValueError(f"expected a limit of at least 4 clips, got {limit}")
        self.num_features, self.num_subsets, self.seed, self.limit = num_features, num_subsets, seed, limit
        for name in STATES:
            hold_rows(self, name)
        self.reference, self.reference_classes = reference, reference_classes

    def update(
        self, features: Tensor, real: bool = False, index: Tensor | None = None, y: Tensor | None = None
    ) -> None:
        """Add ``features`` ``(B, D)`` of generated clips, or of real ones if ``real``.

        ``index`` is that of its kind; ``y`` ``(B,)`` are classes that were asked for or recorded, None for clips drawn
        at large.

        Raises:
            ValueError: a shape is another, or real clips come although a reference was given.
        """
        if real:
            require_no_reference(self.reference)
        rows = labelled_rows(float64_rows(features, self.num_features, self.device), y)
        append_rows(self, STATES[int(real)], rows, index, self.limit)

    def compute(self) -> dict[str, Tensor]:
        """``kid``, ``kid_error``, its standard error, ``kid_low`` and ``kid_high``, a 95 % interval; float64 scalars.

        It needs 4 clips of each side.
        """
        x, x_classes = self._rows("generated")
        y, y_classes = self._rows("real")
        require(len(x), 4, "generated")
        require(len(y), 4, "real")
        signs = split_signs(x_classes, self.num_subsets, self.seed)
        x_weights = half_weights(signs).to(x)
        y_weights = half_weights(split_signs(y_classes, self.num_subsets, self.seed + 1)).to(y)
        own, other = own_means(x, x_weights, x_classes), self._reference_part(y, y_weights, y_classes)
        values = own + other - 2.0 * cross_means(x, x_weights, y, y_weights)
        scatter = half_sample_scatter(values, signs)
        interval = squared_distance_interval(float(values[0]), scatter)
        found = {"kid_error": scatter.error, "kid_low": interval.low, "kid_high": interval.high}
        return {"kid": values[0]} | {name: values.new_tensor(value) for name, value in found.items()}

    def _rows(self, name: str) -> tuple[Tensor, Tensor]:
        """Features ``(N, D)`` of one side and their classes ``(N,)``."""
        if name == "generated" or self.reference is None:
            rows = ordered_rows(self, name, self.num_features + 1, self.limit)
            return rows[:, :-1], rows[:, -1]
        chosen = smallest_hashes(torch.arange(len(self.reference)), self.limit).to(self.reference.device)
        classes = self.reference_classes
        rows = labelled_rows(float64_rows(self.reference[chosen], self.num_features, self.device),
                             None if classes is None else classes.to(chosen.device)[chosen])  # fmt: skip
        return rows[:, :-1], rows[:, -1]

    def _reference_part(self, y: Tensor, weights: Tensor, classes: Tensor) -> Tensor:
        """:func:`own_means` of the real side, computed once for a reference that several metrics are given."""
        if self.reference is None:
            return own_means(y, weights, classes)
        key = (self.reference._version, y.device, self.num_subsets, self.seed, self.limit, tuple(classes.tolist()))
        entry = _own_parts.get(self.reference)
        if entry is None or entry[0] != key:
            entry = _own_parts[self.reference] = (key, own_means(y, weights, classes))
        part: Tensor = entry[1]
        return part
