"""Precision, recall, density and coverage: do samples and real clips lie among each other's nearest neighbours?"""

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary
from torchmetrics import Metric

from lightning_modules.metrics.inputs import float64_rows, require
from lightning_modules.metrics.neighbour_balls import BallCounts, ball_counts, neighbour_radii
from lightning_modules.metrics.ordered_rows import append_rows, hold_rows, ordered_rows
from lightning_modules.metrics.resampling import NORMAL, smallest_hashes, wilson_interval

NEAREST = 5  # k of Naeem et al.
_radii = WeakIdKeyDictionary()  # of references: every row of a table is compared with one


class ManifoldMetrics(Metric):
    r"""Precision, recall, density and coverage, each with a 95 % interval.

    Every clip has a ball that reaches to the k-th nearest other clip of its own kind. Then

    * precision is the share of generated clips in the ball of some real clip,
    * recall is the share of real clips in the ball of some generated clip (Kynkäänniemi et al. 2019, arXiv:1904.06991),
    * density is the mean number of real balls that hold a generated clip, divided by k,
    * coverage is the share of real clips whose ball holds some generated clip (Naeem et al. 2020, arXiv:2002.09797).

    A ball does not hold its edge, as in the package ``prdc``. The intervals of shares are Wilson's. That of recall and
    coverage is over real clips, for the samples as they are; that of density is the mean's normal interval.

    Recall and coverage grow with the number of samples: compare values of equal N only. Memory: ``8 (D + 1)`` bytes
    for each of at most ``limit`` generated clips, a quarter more in between; of more clips, on either side, those are
    used whose places have the smallest hashes. Distances are computed in chunks.

    Args:
        reference: ``(M, D)`` features of the training split.
        nearest: number of the neighbour to which a ball reaches, k.
        limit: largest number of clips of either side.
    """

    full_state_update = False

    def __init__(self, reference: Tensor, nearest: int = NEAREST, limit: int = 10_000) -> None:
        super().__init__()
        if nearest < 1 or limit <= nearest:
            raise ValueError(f"expected nearest of at least 1 and a larger limit, got {nearest} and {limit}")
        if reference.ndim != 2 or len(reference) <= nearest:
            raise ValueError(f"expected a reference of more than {nearest} rows, got shape {tuple(reference.shape)}")
        self.reference, self.nearest, self.limit = reference, nearest, limit
        hold_rows(self, "generated")

    def update(self, features: Tensor, index: Tensor | None = None) -> None:
        """Add ``features`` ``(B, D)`` of generated clips."""
        rows = float64_rows(features, self.reference.shape[1], self.device)
        append_rows(self, "generated", rows, index, self.limit)

    def compute(self) -> dict[str, Tensor]:
        """``precision``, ``recall``, ``density``, ``coverage``, and the ends of each interval; float64 scalars.

        It needs more than k generated clips.
        """
        x = ordered_rows(self, "generated", self.reference.shape[1], self.limit)
        require(len(x), self.nearest + 1, "generated")
        real, radii = self._real()
        around_real = ball_counts(real, radii, x)
        around_generated = ball_counts(x, neighbour_radii(x, self.nearest), real)
        return {name: x.new_tensor(value) for name, value in self._figures(around_real, around_generated).items()}

    def _figures(self, around_real: BallCounts, around_generated: BallCounts) -> dict[str, float]:
        figures: dict[str, float] = {}
        hits = {
            "precision": around_real.balls_of_point > 0,
            "recall": around_generated.balls_of_point > 0,
            "coverage": around_real.points_in_ball > 0,
        }
        for name, hit in hits.items():
            interval = wilson_interval(int(hit.sum()), len(hit))
            figures |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        counts = around_real.balls_of_point.double() / self.nearest
        density, reach = float(counts.mean()), NORMAL * float(counts.std()) / len(counts) ** 0.5
        return figures | {
            "density": density, "density_low": max(density - reach, 0.0), "density_high": density + reach,
        }  # fmt: skip

    def _real(self) -> tuple[Tensor, Tensor]:
        """Features and radii of the reference; radii are computed once for all metrics that share it."""
        chosen = smallest_hashes(torch.arange(len(self.reference)), self.limit).to(self.reference.device)
        real = float64_rows(self.reference[chosen], self.reference.shape[1], self.device)
        key = (self.reference._version, real.device, self.nearest, self.limit)
        entry = _radii.get(self.reference)
        if entry is None or entry[0] != key:
            entry = _radii[self.reference] = (key, neighbour_radii(real, self.nearest))
        return real, entry[1]
