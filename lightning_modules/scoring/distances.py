"""What a row measures against reference statistics of real speech."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lightning_modules.metrics import NDB, AMScore, FrechetDistance, KernelDistance, NearestTrainingNeighbour
from lightning_modules.scoring.measures import Measure, Predictions
from lightning_modules.scoring.references import Reference

# Below it the bias of a Fréchet distance, about as 1/N, is no longer small: the benchmark's number of clips.
FEW_CLIPS = 2048
# Queries at a time: 2048 x 4096 distances in float64 are 64 MiB.
CHUNK = 2048


class ClassBalance(Measure):
    """AM score against the class probabilities of the training split."""

    def __init__(self, reference: Reference) -> None:
        self.metric = AMScore(len(reference.mean_probs), reference.mean_probs)

    def update(self, seen: Predictions) -> None:
        self.metric.update(seen.log_probs)

    def parts(self) -> dict[str, Callable[[], dict[str, Any]]]:
        return {"am": lambda: {"am": self.metric.compute()}}


class Distances(Measure):
    """FID, KID, NDB and the nearest-neighbour ratio to the training split; features are kept for KID."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.frechet = FrechetDistance(reference.train.features.shape[1], reference.statistics)
        self.ndb = None if reference.bins is None else NDB(reference.bins)
        self.features: list[Tensor] = []

    def update(self, seen: Predictions) -> None:
        self.frechet.update(seen.features)
        if self.ndb is not None:
            self.ndb.update(seen.features)
        self.features.append(seen.features)

    def parts(self) -> dict[str, Callable[[], dict[str, Any]]]:
        return {"fid": self._frechet, "kid": self._kernel, "ndb": self._ndb, "nearest_ratio": self._nearest}

    def compute(self) -> tuple[dict[str, float], list[str]]:
        figures, notes = super().compute()
        count = sum(map(len, self.features))
        if "fid" in figures and count < FEW_CLIPS:
            notes.append(f"fid: of {count} clips, fewer than {FEW_CLIPS}, exploratory")
        return figures, notes

    def _frechet(self) -> dict[str, Any]:
        return {"fid": self.frechet.compute()}

    def _kernel(self) -> dict[str, Any]:
        metric = KernelDistance(self.frechet.num_features)
        metric.update(torch.cat(self.features))
        metric.update(self.reference.train.features, real=True)
        return metric.compute()

    def _ndb(self) -> dict[str, Any]:
        if self.ndb is None:
            raise ValueError(self.reference.no_bins)
        return {"ndb": self.ndb.compute()}

    def _nearest(self) -> dict[str, Any]:
        if not self.reference.nearest_real > 0:
            raise ValueError("real test clips are copies of training clips")
        metric = NearestTrainingNeighbour(self.reference.train.features)
        for part in torch.cat(self.features).split(CHUNK):
            metric.update(part)
        return {"nearest_ratio": float(metric.compute()["nearest"]) / self.reference.nearest_real}
