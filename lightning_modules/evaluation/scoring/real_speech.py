"""A corpus of real speech as one evaluator hears it: what rows refer to, and the rows that every table shows of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from lightning_modules.audio import Vocoder
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.evaluation.scoring.anchors import floor_rows, measures_for, real_rows, resynthesised_rows
from lightning_modules.evaluation.scoring.external import ask, external_judges
from lightning_modules.evaluation.scoring.judging import (
    WaveformBatches,
    feature_width,
    full_precision,
    measure,
    predictions,
)
from lightning_modules.evaluation.scoring.references import load_reference
from lightning_modules.evaluation.scoring.resynthesis import anchor_vocoders, anchor_waveforms, load_resynthesised
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluator import EvaluatorModule


class RealSpeech:
    """Real speech that rows are compared with; everything that can be refused is refused when it is made.

    Args:
        evaluator: the judge.
        root: corpus in the layout of Speech Commands.
        labels: digits of it to keep.
        minimum_accuracy: share of its test clips that the evaluator must hear right.
        cache_dir: where references are kept; None for a folder in the user's cache.
        vocoder: of the generators that are judged; None for Griffin-Lim.
        external: judges from other packages.

    Raises:
        InputError: the corpus or the evaluator cannot be used.
    """

    def __init__(
        self,
        evaluator: EvaluatorModule,
        root: Path,
        labels: Sequence[int],
        minimum_accuracy: float = 0.9,
        cache_dir: Path | None = None,
        vocoder: Vocoder | None = None,
        external: Sequence[str] = (),
    ) -> None:
        self.evaluator, self.root, self.labels = evaluator, root, list(labels)
        self.identity = fingerprint(evaluator.state_dict())
        self.vocoders = anchor_vocoders(evaluator, vocoder)
        with full_precision():
            self.reference = load_reference(evaluator, root, labels, minimum_accuracy, cache_dir)
            self.again = load_resynthesised(evaluator, root, labels, self.vocoders, cache_dir)
        self.judges = external_judges(external, root, labels, evaluator.device, cache_dir)

    @property
    def facts(self) -> dict[str, Any]:
        """Columns that all rows compared with this speech share."""
        test = self.reference.test
        accuracy = float((test.log_probs.argmax(dim=1) == test.y).double().mean())
        return {"corpus": self.root.resolve().name, "labels": self.labels, "evaluator_accuracy": accuracy}

    def row(self, name: str, batches: WaveformBatches) -> Row:
        """The row of waveforms ``(B, N)`` with intended digits ``(B,)``, -1 for none."""
        measures = measures_for(feature_width(self.evaluator), self.reference)
        with full_precision():
            seen = predictions(self.evaluator, batches)
            row = measure(name, seen, measures, self.identity, len(self.reference.train.y))
        row.facts.update(self.facts)
        return row

    def anchors(self) -> list[Row]:
        """Training and test clips, and test clips through log-Mels and back."""
        again = resynthesised_rows(self.reference, self.identity, self.again)
        rows = [*real_rows(self.reference, self.identity), *again]
        if self.judges:
            waveforms = anchor_waveforms(self.evaluator, self.root, self.labels, self.vocoders)
            for row in rows:
                if row.name in waveforms:
                    self.ask(row, waveforms[row.name])
        return self._with_facts(rows)

    def floor(self, counts: Iterable[int]) -> list[Row]:
        """What real clips reach at each of these numbers of clips."""
        return self._with_facts(floor_rows(self.reference, self.identity, sorted(set(counts))))

    def ask(self, row: Row, waveforms: Iterable[torch.Tensor]) -> None:
        """Add to ``row`` what external judges find in waveforms ``(B, N)``, which can be read once for each."""
        ask(self.judges, row, waveforms)

    def _with_facts(self, rows: list[Row]) -> list[Row]:
        for row in rows:
            row.facts.update(self.facts)
        return rows
