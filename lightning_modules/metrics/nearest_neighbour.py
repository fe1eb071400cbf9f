"""How near are generated clips to training clips: are they copies?"""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.inputs import float64_rows, require
from lightning_modules.metrics.neighbour_balls import neighbour_radii
from lightning_modules.metrics.resampling import wilson_interval


def distances_without_itself(features: Tensor) -> Tensor:
    """Distance ``(N,)`` of each of ``features`` ``(N, D)`` to the nearest other one, as if it were held out."""
    return neighbour_radii(features.double(), 1)


def nearest_distances(features: Tensor, reference: Tensor, chunk: int = 512) -> Tensor:
    """Euclidean distance ``(B,)`` of each of ``features`` ``(B, D)`` to the nearest of ``reference`` ``(M, D)``.

    Args:
        features: features of the clips.
        reference: features among which the nearest is searched.
        chunk: rows of the reference that are compared at a time; few, so that their float64 copy stays in a cache.
    """
    x = features.double()
    nearest, place = torch.full_like(x[:, 0], torch.inf), torch.zeros(len(x), dtype=torch.long, device=x.device)
    for start in range(0, len(reference), chunk):
        part = reference[start : start + chunk].to(x)
        # The square of the distance up to that of x itself, which all candidates share.
        square, row = (part.square().sum(dim=1) - 2.0 * x @ part.mT).min(dim=1)
        closer = square < nearest
        nearest, place = torch.where(closer, square, nearest), torch.where(closer, start + row, place)
    # Computed again from the difference: exact where the expanded square cancels, so that a copy is at distance 0.
    return (x - reference[place.to(reference.device)].to(x)).norm(dim=1)


class NearestTrainingNeighbour(Metric):
    """Distance of generated clips to their nearest training clip, compared with that of real clips.

    The mean distance is compared with that of real held-out clips: a ratio far below 1 means that the generator repeats
    its training data. The memorisation test looks at the nearest samples: it counts those that are nearer to a training
    clip than all but a share of real clips that training has not heard, by the same speakers. A generator that
    repeats nothing has that share, too.

    Of the clips only sums are stored, so that memory grows with the reference alone: ``4 M D`` bytes in float32, and
    ``8 (B + D) chunk`` bytes while a batch is compared.

    Args:
        reference: ``(M, D)`` features of the training split.
        chunk: rows of the reference that are compared at a time; few, so that their float64 copy stays in a cache.
        null: ``(H,)`` distances of real clips of the training speakers to their nearest training clip; None for no
            memorisation test.
        quantile: share of ``null`` that counts as near, in (0, 1).
    """

    full_state_update = False
    reference: Tensor
    count: Tensor
    total: Tensor
    near: Tensor

    def __init__(self, reference: Tensor, chunk: int = 512, null: Tensor | None = None, quantile: float = 0.05) -> None:
        super().__init__()
        if reference.ndim != 2 or not len(reference):
            raise ValueError(f"expected a reference of shape (M, D) with a row at least, got {tuple(reference.shape)}")
        if null is not None and (null.ndim != 1 or not len(null) or not 0.0 < quantile < 1.0):
            raise ValueError(
                f"expected null distances of shape (H,) and a quantile in (0, 1), got {tuple(null.shape)}, {quantile}"
            )
        self.register_buffer("reference", reference.detach(), persistent=False)
        self.chunk = chunk
        self.threshold = None if null is None else float(null.double().quantile(quantile))
        # First entry: generated; second: real, held out.
        for name in ("count", "total", "near"):
            self.add_state(name, torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor, real: bool = False) -> None:
        """Add ``features`` ``(B, D)`` of generated clips, or of held-out real clips if ``real``."""
        x = float64_rows(features, self.reference.shape[1], self.device)
        distances = nearest_distances(x, self.reference, self.chunk)
        self.count[int(real)] += len(x)
        self.total[int(real)] += distances.sum()
        if self.threshold is not None:
            self.near[int(real)] += (distances < self.threshold).sum()

    def compute(self) -> dict[str, Tensor]:
        """Values by name, float64 scalars.

        * ``nearest``: mean distance of generated clips;
        * ``nearest_real`` and ``nearest_ratio``: of held-out clips, and both divided, where such clips were given;
        * ``memorised``, ``memorised_low`` and ``memorised_high``: share of generated clips that are nearer than the
          quantile of the null distances, and its Wilson interval, where these were given.

        Raises:
            ValueError: there is no generated clip, or every held-out clip is a training clip.
        """
        values = {"nearest": self.total[0] / require(self.count[0], 1, "generated")}
        if self.count[1]:
            values["nearest_real"] = self.total[1] / self.count[1]
            if not values["nearest_real"] > 0:
                raise ValueError("expected real clips outside the training split, got copies of training clips only")
            values["nearest_ratio"] = values["nearest"] / values["nearest_real"]
        if self.threshold is not None:
            interval = wilson_interval(int(self.near[0]), int(self.count[0]))
            for ending, value in zip(("", "_low", "_high"), interval, strict=True):
                values[f"memorised{ending}"] = self.total.new_tensor(value)
        return values
