"""Makes the rows of the comparison, each of one vocoder on one corpus and one kind of Mels."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lightning_modules.audio import LogMel, MelDistance, MultiResolutionSTFT
from lightning_modules.evaluation.scoring.columns import BESIDE, INTERVAL, LESS, MORE, Column, column_keys
from lightning_modules.evaluation.scoring.measures import Measure, Parts, Predictions, Recognition
from lightning_modules.evaluation.scoring.predictions import feature_width, measure, predict
from lightning_modules.evaluation.vocoders.perceptual import SKIPPED, mean_figures, perceptual_figures
from lightning_modules.evaluation.vocoders.whistle import whistle_db
from lightning_modules.evaluator import EvaluatorModule
from lightning_modules.metrics import FeatureMoments, FeatureStatistics, FrechetDistance

RECORDING = "the recording itself"
REAL, DEGRADED, GENERATED = "real", "degraded", "generated"
UNAVAILABLE = "unavailable"
QUALITY_COLUMNS = (
    Column("stft_distance", heading="STFT distance", better=LESS, form=".3f", beside=INTERVAL),
    Column("mel_error", heading="log-Mel error", better=LESS, form=".3f", beside=INTERVAL),
    Column("pesq", heading="PESQ", better=MORE, form=".2f", beside=(*INTERVAL, SKIPPED)),
    Column("stoi", heading="STOI", better=MORE, form=".3f", beside=(*INTERVAL, SKIPPED)),
    Column("accuracy", heading="accuracy, %", better=MORE, form=".1f", scale=100.0, beside=INTERVAL),
    Column("confidence", heading="confidence", better=MORE, form=".3f", beside=INTERVAL),
    Column("fid_same", heading="FID to the recordings", better=LESS, form=".3f"),
    Column("fid_train", heading="FID to training", better=LESS, form=".3f"),
    Column("whistle_db", heading="whistle, dB", better=LESS, form=".1f"),
)
COST_COLUMNS = (
    Column("seconds", heading="s per s", better=LESS, form=".4f"),
    Column("time_ratio", heading="×", better=LESS, form=".2f", beside=INTERVAL),
    Column("gmacs", heading="GMACs per s", form=""),
    Column("fft_gmacs", heading="FFT GMACs per s", form=""),
    Column("parameters_million", heading="parameters, M", form=""),
)
QUALITY, COST = column_keys(QUALITY_COLUMNS), column_keys(COST_COLUMNS)
# Figures that need no recording to compare with.
WITHOUT_RECORDING = tuple(name for name in QUALITY if name.partition("_")[0] not in ("stft", "pesq", "stoi"))
COLUMNS = ("corpus", "mels", "vocoder", "clips", *QUALITY, *COST, "notes")
BATCH = 16  # clips at a time
Scores = tuple[dict[str, float], list[str], dict[str, str]]  # figures, notes, and what stands where one is missing


@dataclass(frozen=True)
class VocoderRow:
    """One row of the comparison: a vocoder and how many clips it synthesised of which Mels of a corpus.

    Figures are finite values of :data:`QUALITY` and :data:`COST`; ``missing`` is what stands where one is missing, and
    ``notes`` are sentences on that.
    """

    corpus: str
    mels: str
    vocoder: str
    clips: int
    figures: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def figure(self, column: str) -> list[float | None]:
        """Return a value, ends of its interval and its error, None where there is none."""
        return [self.figures.get(column + ending) for ending in ("", *BESIDE)]

    def cells(self) -> dict[str, Any]:
        """Plain values of :data:`COLUMNS`, None where there is none."""
        figures = {name: self.figures.get(name) for name in (*QUALITY, *COST)}
        head = {"corpus": self.corpus, "mels": self.mels, "vocoder": self.vocoder, "clips": self.clips}
        return {**head, **figures, "notes": list(self.notes)}


class FeatureDistances(Measure):
    """Measures Fréchet distances of the evaluator's features: ``fid_same`` and ``fid_train``.

    The one is to the recordings that were synthesised again, so that the recording itself is at 0; the other to the
    corpus' training split, as in all scores.
    """

    def __init__(self, same: FeatureStatistics, train: FeatureStatistics) -> None:
        width = len(train.mean.reshape(-1))
        self.same, self.train = FrechetDistance(width, same), FrechetDistance(width, train)

    def update(self, seen: Predictions) -> None:
        self.same.update(seen.features)
        self.train.update(seen.features)

    def parts(self) -> Parts:
        return {"fid_same": self.same.compute, "fid_train": self.train.compute}


class ClipScorer:
    """Scores waveforms against ``recordings`` ``(N, samples)`` of digits ``y`` ``(N,)``, real test clips of one corpus.

    ``train`` are statistics of the training split's features, ``front_end`` is the vocoders' analysis.
    """

    def __init__(
        self, evaluator: EvaluatorModule, train: FeatureStatistics, recordings: Tensor, y: Tensor, front_end: LogMel
    ) -> None:
        self.evaluator, self.train = evaluator, train
        self.recordings, self.y, self.front_end = recordings, y, front_end
        moments = FeatureMoments(feature_width(evaluator))
        for seen in predict(evaluator, self._batches(recordings, y)):
            moments.update(seen.features)
        self.same = moments.compute()
        self.stft_distance, self.mel_distance = MultiResolutionSTFT(), MelDistance(front_end)

    def score(self, waveforms: Tensor, y: Tensor, log_mel: Tensor) -> Scores:
        """Score ``waveforms`` ``(B, samples)`` with digits ``y`` ``(B,)`` and natural-log Mels ``(B, F, L)``."""
        measures: list[Measure] = [Recognition(), FeatureDistances(self.same, self.train)]
        row = measure("", predict(self.evaluator, self._batches(waveforms, y)), measures)
        errors = in_batches(self.mel_distance, waveforms, log_mel)
        figures = {**row.figures, **mean_figures("mel_error", errors), "whistle_db": whistle_db(waveforms)}
        return figures, row.notes, {}

    def compare(self, waveforms: Tensor) -> Scores:
        """Score ``waveforms`` ``(N, samples)`` that should be the recordings."""
        figures, notes, _ = self.score(waveforms, self.y, in_batches(self._natural_log_mel, self.recordings))
        figures |= mean_figures("stft_distance", in_batches(self.stft_distance, waveforms, self.recordings))
        found, missing = perceptual_figures(waveforms, self.recordings, self.front_end.sample_rate)
        return {**figures, **found}, notes, missing

    def _natural_log_mel(self, waveforms: Tensor) -> Tensor:
        return self.front_end.to_log_mel(self.front_end(waveforms))

    @staticmethod
    def _batches(waveforms: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
        return list(zip(waveforms.split(4 * BATCH), y.split(4 * BATCH), strict=True))


@torch.no_grad()
def in_batches(function: Callable[..., Tensor], *columns: Tensor) -> Tensor:
    """Apply ``function`` to tensors of as many clips, :data:`BATCH` clips at a time."""
    return torch.cat([function(*parts) for parts in zip(*(each.split(BATCH) for each in columns), strict=True)])


def unavailable_row(corpus: str, mels: str, vocoder: str, reason: str, cost: dict[str, float]) -> VocoderRow:
    """Make the row of a vocoder without weights: its cost, and why it has no other figures."""
    note = f"{vocoder}: unavailable ({reason}); its cost was measured with random weights"
    missing = dict.fromkeys(WITHOUT_RECORDING if mels == GENERATED else QUALITY, UNAVAILABLE)
    return VocoderRow(corpus, mels, vocoder, 0, dict(cost), missing, [note])


def keep_finite(figures: dict[str, float], notes: Sequence[str]) -> tuple[dict[str, float], list[str]]:
    """Keep the figures that are finite, and add a note for each that is not."""
    finite = {name: value for name, value in figures.items() if math.isfinite(value)}
    lost = [name for name in figures if name not in finite and not name.endswith(("_low", "_high"))]
    return finite, [*notes, *(f"{name}: not finite, left out" for name in lost)]
