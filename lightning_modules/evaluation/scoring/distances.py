"""Measures distances of clips to reference statistics of real speech."""

import math
from functools import partial
from typing import Any

import torch

from lightning_modules.evaluation.scoring.columns import FEW_CLIPS
from lightning_modules.evaluation.scoring.measures import Measure, Parts, Predictions
from lightning_modules.evaluation.scoring.references import Reference
from lightning_modules.metrics import (
    NDB,
    AMScore,
    FrechetDistance,
    FrechetError,
    KernelDistance,
    ManifoldMetrics,
    NearestTrainingNeighbour,
    ScoreIntervals,
    am_from_sums,
    distances_without_itself,
)
from lightning_modules.metrics.manifold import NEAREST


class ClassBalance(Measure):
    """Measures the AM score against class probabilities of the training split, with its 95 % interval."""

    def __init__(self, reference: Reference) -> None:
        train = reference.mean_probs
        self.metric = AMScore(len(train), train)
        score = {"am": partial(am_from_sums, train=train)}
        self.intervals = ScoreIntervals(score, len(train), bounds={"am": (0.0, math.inf)})

    def update(self, seen: Predictions) -> None:
        self.metric.update(seen.log_probs)
        self.intervals.update(seen.log_probs, seen.index, seen.y)

    def parts(self) -> Parts:
        return {"am": self.metric.compute, "am interval": self.intervals.compute}


class Distances(Measure):
    """Measures FID, KID, NDB, precision to coverage, and nearest-neighbour distances to the training split.

    Memory does not grow with the number of clips, beyond the 10,000 that KID, the error of FID, and precision to
    coverage keep: for 1024 features 16 MiB for FID and at most 98 MiB for each of the three.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        train = reference.train.features
        self.frechet = FrechetDistance(train.shape[1], reference.statistics)
        self.frechet_error = FrechetError(train.shape[1], reference.statistics)
        self.kernel = KernelDistance(train.shape[1], reference=train, reference_classes=reference.train.y)
        self.ndb = None if reference.bins is None else NDB(reference.bins)
        null = torch.tensor(reference.null) if reference.null else distances_without_itself(train)
        self.nearest = NearestTrainingNeighbour(train, null=null)
        self.manifold = ManifoldMetrics(train) if len(train) > NEAREST else None

    def update(self, seen: Predictions) -> None:
        self.frechet.update(seen.features)
        self.frechet_error.update(seen.features, seen.index, seen.y)
        self.kernel.update(seen.features, index=seen.index, y=seen.y)
        if self.ndb is not None:
            self.ndb.update(seen.features)
        self.nearest.update(seen.features)
        if self.manifold is not None:
            self.manifold.update(seen.features, seen.index)

    def parts(self) -> Parts:
        return {
            "fid": self.frechet.compute,
            "fid_error": self.frechet_error.compute,
            "kid": self.kernel.compute,
            "ndb": self._ndb,
            "nearest_ratio": self._nearest,
            "memorised": self._memorised,
            "precision, recall, density, coverage": self._manifold,
        }

    def compute(self) -> tuple[dict[str, float], list[str]]:
        figures, notes = super().compute()
        with self.frechet.sync_context():
            count = int(self.frechet.count[0])
        if "fid" in figures and count < FEW_CLIPS:
            notes.append(f"fid: of {count} clips, fewer than {FEW_CLIPS}, exploratory")
        return figures, notes

    def _ndb(self) -> Any:
        if self.ndb is None:
            raise ValueError(self.reference.no_bins)
        return self.ndb.compute()

    def _nearest(self) -> float:
        if not self.reference.nearest_real > 0:
            raise ValueError("real test clips are copies of training clips")
        return float(self.nearest.compute()["nearest"]) / self.reference.nearest_real

    def _memorised(self) -> dict[str, Any]:
        return {name: value for name, value in self.nearest.compute().items() if name.startswith("memorised")}

    def _manifold(self) -> dict[str, Any]:
        if self.manifold is None:
            raise ValueError(f"expected more than {NEAREST} training clips, got {len(self.reference.train.y)}")
        return {f"manifold_{name}": value for name, value in self.manifold.compute().items()}
