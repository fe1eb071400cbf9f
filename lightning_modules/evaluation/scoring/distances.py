"""Measures distances of clips to reference statistics of real speech."""

from functools import partial
from typing import Any

from lightning_modules.evaluation.scoring.columns import FEW_CLIPS
from lightning_modules.evaluation.scoring.measures import Measure, Parts, Predictions
from lightning_modules.evaluation.scoring.references import Reference
from lightning_modules.metrics import (
    NDB,
    AMScore,
    FrechetDistance,
    FrechetError,
    KernelDistance,
    NearestTrainingNeighbour,
    ScoreIntervals,
    am_from_sums,
)


class ClassBalance(Measure):
    """Measures the AM score against class probabilities of the training split, with its 95 % interval."""

    def __init__(self, reference: Reference) -> None:
        train = reference.mean_probs
        self.metric = AMScore(len(train), train)
        self.intervals = ScoreIntervals({"am": partial(am_from_sums, train=train)}, len(train))

    def update(self, seen: Predictions) -> None:
        self.metric.update(seen.log_probs)
        self.intervals.update(seen.log_probs, seen.index)

    def parts(self) -> Parts:
        return {"am": self.metric.compute, "am interval": self.intervals.compute}


class Distances(Measure):
    """Measures FID, KID, NDB and the ratio of nearest-neighbour distances to the training split.

    Memory does not grow with the number of clips, beyond the 10,000 that KID keeps: for 1024 features 16 MiB for FID,
    32 MiB for its error and at most 98 MiB for KID.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        train = reference.train.features
        self.frechet = FrechetDistance(train.shape[1], reference.statistics)
        self.frechet_error = FrechetError(train.shape[1], reference.statistics)
        self.kernel = KernelDistance(train.shape[1], reference=train)
        self.ndb = None if reference.bins is None else NDB(reference.bins)
        self.nearest = NearestTrainingNeighbour(train)

    def update(self, seen: Predictions) -> None:
        self.frechet.update(seen.features)
        self.frechet_error.update(seen.features, seen.index)
        self.kernel.update(seen.features, index=seen.index)
        if self.ndb is not None:
            self.ndb.update(seen.features)
        self.nearest.update(seen.features)

    def parts(self) -> Parts:
        return {
            "fid": self.frechet.compute,
            "fid_error": self.frechet_error.compute,
            "kid": self.kernel.compute,
            "ndb": self._ndb,
            "nearest_ratio": self._nearest,
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
