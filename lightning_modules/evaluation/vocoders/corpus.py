"""Compares all vocoders on one corpus: its rows and its picture."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from lightning_modules.evaluation.scoring.predictions import check_clips
from lightning_modules.evaluation.scoring.scorer import Scorer
from lightning_modules.evaluation.vocoders.candidates import Candidate
from lightning_modules.evaluation.vocoders.cost import measure_costs
from lightning_modules.evaluation.vocoders.picture import save_spectrograms
from lightning_modules.evaluation.vocoders.speech import Speech, degrade, real_speech
from lightning_modules.evaluation.vocoders.vocoder_rows import (
    DEGRADED,
    GENERATED,
    REAL,
    RECORDING,
    ClipScorer,
    Scores,
    VocoderRow,
    in_batches,
    keep_finite,
    unavailable_row,
)


class CorpusComparison:
    """The comparison of all vocoders on one corpus.

    The scorer holds the corpus and its evaluator; vocoders have one front end; ``limit`` test clips are used, or all.

    Raises:
        InputError: corpus, evaluator and vocoders do not go together, or one cannot be used.
    """

    def __init__(self, scorer: Scorer, candidates: Sequence[Candidate], limit: int | None = None) -> None:
        root, evaluator, self.labels = scorer.corpus, scorer.evaluator, scorer.labels
        assert root is not None
        self.name, self.candidates = root.resolve().name, list(candidates)
        self.front_end = candidates[0].vocoder.front_end
        check_clips(evaluator, self.front_end, "the vocoders make")
        self.real = real_speech(root, self.labels, self.front_end, limit)
        reference = scorer.reference
        assert reference is not None
        self.x_0 = in_batches(self.front_end, self.real.clips)
        self.scorer = ClipScorer(evaluator, reference.statistics, *self.real, self.front_end)
        digits = "all ten digits" if len(self.labels) == 10 else f"digits {', '.join(map(str, self.labels))}"
        self.heading = (
            f"{self.name}: {len(self.real.y):,} of {len(reference.test.y):,} real test clips by unseen speakers, "
            f"{digits}; evaluator {scorer.fingerprint[:12]} ({reference.accuracy:.1%} right on all of them)"
        )

    def costs(self, rounds: int) -> dict[str, dict[str, float]]:
        """Measure the costs of each vocoder; see :func:`measure_costs`."""
        return measure_costs(self.candidates, self.x_0, rounds)

    def rows(self, costs: dict[str, dict[str, float]], generated: Speech | None = None) -> Iterator[VocoderRow]:
        """Score the recording and every vocoder on real Mels, then vocoders on degraded and on generated Mels."""
        yield self._row(REAL, RECORDING, len(self.real.y), self.scorer.compare(self.real.clips), {})
        kinds = [(REAL, self.x_0), (DEGRADED, degrade(self.front_end, self.x_0))]
        for mels, x_0 in kinds if generated is None else [*kinds, (GENERATED, generated.clips)]:
            for candidate in self.candidates:
                cost = costs[candidate.name]
                if candidate.reason:
                    yield unavailable_row(self.name, mels, candidate.name, candidate.reason, cost)
                    continue
                waveforms = in_batches(candidate.vocoder, x_0)
                if mels == GENERATED and generated is not None:
                    scores = self.scorer.score(waveforms, generated.y, self.front_end.to_log_mel(x_0))
                else:
                    scores = self.scorer.compare(waveforms)
                yield self._row(mels, candidate.name, len(x_0), scores, cost)

    def save_picture(self, path: Path, generated: Speech | None = None) -> None:
        """Draw spectrograms of one recording, and of one generated clip of its digit, through every vocoder.

        The recording is the one whose log-Mel varies most: loud speech before a quiet background.
        """
        working = [candidate for candidate in self.candidates if not candidate.reason]
        shown = int(self.x_0.flatten(1).std(dim=1).argmax())
        digit = int(self.real.y[shown])

        def through(x_0: Tensor) -> list[Tensor | None]:
            return [in_batches(candidate.vocoder, x_0[None])[0] for candidate in working]

        rows = [(f"recording, digit {digit}", [self.real.clips[shown], *through(self.x_0[shown])])]
        if generated is not None:
            same = (generated.y == digit).nonzero().flatten().tolist()
            place = same[0] if same else 0
            rows.append((f"generated, digit {int(generated.y[place])}", [None, *through(generated.clips[place])]))
        columns = [RECORDING, *(candidate.name for candidate in working)]
        save_spectrograms(path, rows, columns, self.front_end.sample_rate)

    def _row(self, mels: str, vocoder: str, clips: int, scores: Scores, cost: dict[str, float]) -> VocoderRow:
        figures, notes = keep_finite({**scores[0], **cost}, scores[1])
        said = [f"{self.name}, {mels}, {vocoder}: {note}" for note in notes]
        return VocoderRow(self.name, mels, vocoder, clips, figures, scores[2], said)
