"""Recognises digits by a speech recogniser that knows nothing of this project, the package ``pocketsphinx``."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from datamodules.corpus_layout import DIGITS
from lightning_modules.evaluation.scoring.external.metric import SAMPLE_RATE, ExternalMetric, Outcome
from lightning_modules.labels import NO_LABEL
from lightning_modules.metrics import wilson_interval

GRAMMAR = f"#JSGF V1.0; grammar digits; public <digit> = {' | '.join(DIGITS)};"


class PocketSphinx(ExternalMetric):
    """Measures ``pocketsphinx``, the share of clips recognised as their intended digit, with a Wilson 95 % interval.

    The recogniser is CMU Sphinx (BSD) with its American English model, which lies in the package, and a grammar of one
    word out of ten. It is made for English only. Clips without an intended digit do not count; a clip in which it
    recognises nothing counts as wrong.
    """

    def __init__(self) -> None:
        super().__init__("pocketsphinx")
        self._decoder: Any = None

    def prepare(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=SAMPLE_RATE, lm=None, loglevel="FATAL")
        self._decoder.add_jsgf_string("digits", GRAMMAR)
        self._decoder.activate_search("digits")

    def measure(self, clips: Iterable[Tensor]) -> Outcome:
        intended = list(getattr(clips, "labels", ()))
        if not any(label != NO_LABEL for label in intended):
            return {}, ["pocketsphinx: no clip has an intended digit"]
        words = [self.recognise(waveform) for batch in clips for waveform in batch]
        hits = [word == DIGITS[y] for word, y in zip(words, intended, strict=True) if y != NO_LABEL]
        return wilson_interval(sum(hits), len(hits)).figures("pocketsphinx"), []

    def recognise(self, waveform: Tensor) -> str:
        """Recognise the word in a waveform ``(N,)`` at 16 kHz; an empty text where there is none."""
        pcm = (waveform.clamp(-1.0, 1.0) * 32767).round().short().numpy().tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        best = self._decoder.hyp()
        return "" if best is None else str(best.hypstr).strip()
