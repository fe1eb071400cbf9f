"""Scores clips by an evaluator, beside rows of real speech."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from lightning_modules.audio import Vocoder
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.evaluation.scoring.anchors import floor_rows, measures_for, real_rows, resynthesised_rows
from lightning_modules.evaluation.scoring.external import add_external_figures, external_metrics
from lightning_modules.evaluation.scoring.measures import Measure, Predictions
from lightning_modules.evaluation.scoring.predictions import (
    WaveformBatches,
    feature_width,
    full_precision,
    measure,
    predict,
)
from lightning_modules.evaluation.scoring.references import Reference, load_reference
from lightning_modules.evaluation.scoring.resynthesis import anchor_vocoders, anchor_waveforms, load_resynthesised
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluator import EvaluatorModule


class Scorer:
    """Holds all that the figures of a run need: an evaluator, and real speech to compare with.

    Each part is computed when it is first used; :meth:`prepare` computes all of them, and refuses what cannot be used.

    Args:
        evaluator: predicts the digits of clips.
        corpus: real speech in the layout of Speech Commands; None to compare with nothing.
        labels: digits of the corpus to keep.
        minimum_accuracy: share of the corpus' test clips whose digit the evaluator must recognise.
        cache_dir: where predictions for the corpus are cached; None for a folder in the user's cache.
        vocoder: of the generators that are scored; None for Griffin-Lim.
        external: names of external metrics.
    """

    def __init__(
        self,
        evaluator: EvaluatorModule,
        corpus: Path | None,
        labels: Sequence[int],
        minimum_accuracy: float = 0.9,
        cache_dir: Path | None = None,
        vocoder: Vocoder | None = None,
        external: Sequence[str] = (),
    ) -> None:
        self.evaluator, self.corpus, self.labels = evaluator, corpus, list(labels)
        self.minimum_accuracy, self.cache_dir, self.vocoder = minimum_accuracy, cache_dir, vocoder
        self.external = external_metrics(external, corpus, self.labels, evaluator.device, cache_dir)

    def prepare(self) -> None:
        """Compute or read all that rows need of the corpus.

        Raises:
            InputError: the corpus or the evaluator cannot be used.
        """
        _ = self.vocoders, self.reference, self.resynthesised

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the evaluator's tensors."""
        return fingerprint(self.evaluator.state_dict())

    @cached_property
    def vocoders(self) -> dict[str, Vocoder]:
        """Vocoders by name, through which test clips go as anchors."""
        return {} if self.corpus is None else anchor_vocoders(self.evaluator, self.vocoder)

    @cached_property
    def reference(self) -> Reference | None:
        """Predictions and statistics of the corpus; None without one."""
        if self.corpus is None:
            return None
        with full_precision():
            return load_reference(self.evaluator, self.corpus, self.labels, self.minimum_accuracy, self.cache_dir)

    @cached_property
    def resynthesised(self) -> dict[str, Predictions]:
        """Predictions of the corpus' test clips through each vocoder, by its name."""
        if self.corpus is None:
            return {}
        with full_precision():
            return load_resynthesised(self.evaluator, self.corpus, self.labels, self.vocoders, self.cache_dir)

    @property
    def accuracy(self) -> float | None:
        """Share of the corpus' test clips whose digit the evaluator recognises; None without a corpus."""
        return None if self.reference is None else self.reference.accuracy

    @property
    def facts(self) -> dict[str, Any]:
        """Columns that all rows compared with this corpus share."""
        if self.corpus is None:
            return {}
        return {"corpus": self.corpus.resolve().name, "labels": self.labels, "evaluator_accuracy": self.accuracy}

    def measures(self) -> list[Measure]:
        """Make fresh measures for one row."""
        return measures_for(feature_width(self.evaluator), self.reference)

    def row(self, name: str, batches: WaveformBatches) -> Row:
        """Score waveforms ``(B, N)`` with intended digits ``(B,)``, ``NO_LABEL`` for none, as one row."""
        count = None if self.reference is None else len(self.reference.train.y)
        with full_precision():
            row = measure(name, predict(self.evaluator, batches), self.measures(), self.fingerprint, count)
        row.facts.update(self.facts)
        return row

    def anchors(self) -> list[Row]:
        """Score training and test clips, and test clips through log-Mels and back; no rows without a corpus."""
        if self.reference is None or self.corpus is None:
            return []
        resynthesised = resynthesised_rows(self.reference, self.fingerprint, self.resynthesised)
        rows = [*real_rows(self.reference, self.fingerprint), *resynthesised]
        if self.external:
            waveforms = anchor_waveforms(self.evaluator, self.corpus, self.labels, self.vocoders)
            for row in rows:
                if row.name in waveforms:
                    self.add_external(row, waveforms[row.name])
        return self._add_facts(rows)

    def floor(self, counts: Iterable[int]) -> list[Row]:
        """Score as many real clips as each of ``counts``; no rows without a corpus."""
        if self.reference is None:
            return []
        return self._add_facts(floor_rows(self.reference, self.fingerprint, sorted(set(counts))))

    def add_external(self, row: Row, waveforms: Iterable[torch.Tensor]) -> None:
        """Add the figures of external metrics to ``row``; waveforms ``(B, N)`` are read once for each of them."""
        add_external_figures(self.external, row, waveforms)

    def _add_facts(self, rows: list[Row]) -> list[Row]:
        for row in rows:
            row.facts.update(self.facts)
        return rows
