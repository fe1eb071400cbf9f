"""How near are generated clips to training clips: are they copies?"""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.inputs import float64_rows, require


def nearest_distances(features: Tensor, reference: Tensor, chunk: int = 512) -> Tensor:
    """Euclidean distance ``(B,)`` of each of ``features`` ``(B, D)`` to the nearest of ``reference`` ``(M, D)``.

    Of the reference ``chunk`` rows are compared at a time; few, so that their float64 copy stays in a cache.
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
    """Mean distance of generated clips to their nearest training clip, also relative to that of real held-out clips.

    A ratio far below 1 means that the generator repeats its training data; real clips of as many speakers have 1. Of
    the clips only sums are stored, so that memory grows with the reference alone: ``4 M D`` bytes in
    float32, and ``8 (B + D) chunk`` bytes while a batch is compared.

    Args:
        reference: ``(M, D)`` features of the training split.
        chunk: as for :func:`nearest_distances`.
    """

    full_state_update = False
    reference: Tensor
    count: Tensor
    total: Tensor

    def __init__(self, reference: Tensor, chunk: int = 512) -> None:
        super().__init__()
        if reference.ndim != 2 or not len(reference):
            raise ValueError(f"expected a reference of shape (M, D) with a row at least, got {tuple(reference.shape)}")
        self.register_buffer("reference", reference.detach(), persistent=False)
        self.chunk = chunk
        # First entry: generated; second: real, held out.
        self.add_state("count", torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor, real: bool = False) -> None:
        """Add ``features`` ``(B, D)`` of generated clips, or of held-out real clips if ``real``."""
        x = float64_rows(features, self.reference.shape[1], self.device)
        self.count[int(real)] += len(x)
        self.total[int(real)] += nearest_distances(x, self.reference, self.chunk).sum()

    def compute(self) -> dict[str, Tensor]:
        """``nearest`` and, where held-out clips were given, ``nearest_real`` and ``nearest_ratio``; float64 scalars.

        Raises:
            ValueError: there is no generated clip, or every held-out clip is a training clip.
        """
        values = {"nearest": self.total[0] / require(self.count[0], 1, "generated")}
        if self.count[1]:
            values["nearest_real"] = self.total[1] / self.count[1]
            if not values["nearest_real"] > 0:
                raise ValueError("expected real clips outside the training split, got copies of training clips only")
            values["nearest_ratio"] = values["nearest"] / values["nearest_real"]
        return values
