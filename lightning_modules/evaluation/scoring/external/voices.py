"""Compares voices by the speaker embeddings of ``resemblyzer``: how varied they are, and whose they are like."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from datamodules.corpus_layout import find_speaker, list_clips
from lightning_modules.evaluation.scoring.external.metric import NUM_SAMPLES, SAMPLE_RATE, ExternalMetric, Outcome
from lightning_modules.evaluation.scoring.folders import clip_batches
from lightning_modules.metrics import bootstrap

CLIPS_OF_A_SPEAKER = 10  # enough for a mean embedding; all clips of 500 people would take minutes


class Voices(ExternalMetric):
    """Measures ``voice_spread`` and ``voice_nearest`` on speaker embeddings (Wan et al. 2018, arXiv:1710.10467).

    ``voice_spread`` is the mean cosine distance between two clips, with a jackknife standard error: 0 where one voice
    speaks all. ``voice_nearest`` is the mean cosine similarity of a clip to the training speaker who is most like it,
    with a bootstrap 95 % interval. A speaker is the mean of at most ten clips. Read both beside real test clips,
    whose speakers are not in training: far above them, samples imitate training speakers.

    The package (Apache-2.0) holds its weights. Embeddings are made for longer utterances than a second. Speakers are
    those of the background's training clips with ``labels``.
    """

    def __init__(self, background: Path | None, labels: Sequence[int], device: str | torch.device = "cpu") -> None:
        super().__init__("resemblyzer")
        self.background, self.labels, self.device = background, labels, torch.device(device)
        self._audio: Any = None
        self._encoder: Any = None
        self._speakers: Tensor | None = None

    def prepare(self) -> None:
        from resemblyzer import VoiceEncoder, audio

        self._audio, self._encoder = audio, VoiceEncoder(self.device, verbose=False)
        self._speakers = self._speaker_embeddings()

    def measure(self, clips: Iterable[Tensor]) -> Outcome:
        embeddings = torch.cat([self.embed(batch) for batch in clips])
        if len(embeddings) < 3:
            return {}, [f"voice_spread: expected at least 3 clips, got {len(embeddings)}"]
        figures = spread(embeddings)
        if self._speakers is None:
            return figures, ["voice_nearest: no reference, or its file names tell no speaker"]
        nearest = bootstrap((embeddings @ self._speakers.T).max(dim=1).values)
        return figures | nearest.figures("voice_nearest"), []

    def embed(self, waveform: Tensor) -> Tensor:
        """Compute unit embeddings ``(B, 256)`` of waveforms ``(B, N)`` at 16 kHz."""
        level = self._audio.audio_norm_target_dBFS
        clips = [self._audio.normalize_volume(clip, level, increase_only=True) for clip in waveform.numpy() + 1e-9]
        return torch.stack([torch.from_numpy(self._encoder.embed_utterance(clip)) for clip in clips]).double()

    def _speaker_embeddings(self) -> Tensor | None:
        """Compute mean embeddings ``(S, 256)`` of the background's training speakers; None where there are none."""
        if self.background is None:
            return None
        of_speaker: dict[str, list[Any]] = {}
        for clip in list_clips(self.background)["train"]:
            speaker = find_speaker(clip.path)
            if speaker is not None and clip.label in self.labels:
                of_speaker.setdefault(speaker, []).append(clip)
        if not of_speaker:
            return None
        # Every n-th of a speaker's clips, which are in order of their digits.
        chosen = {who: clips[:: -(-len(clips) // CLIPS_OF_A_SPEAKER)] for who, clips in of_speaker.items()}
        clips = [clip for those in chosen.values() for clip in those]
        batches = clip_batches(self.background, clips, SAMPLE_RATE, NUM_SAMPLES, name="voices of the reference")
        embeddings = torch.cat([self.embed(waveform) for waveform, _ in batches])
        parts = embeddings.split([len(those) for those in chosen.values()])
        return normalize(torch.stack([part.mean(dim=0) for part in parts]), dim=1)


def spread(embeddings: Tensor) -> dict[str, float]:
    """Compute the mean cosine distance of all pairs of unit rows ``(N, D)``, N at least 3, and its jackknife error."""
    count = len(embeddings)
    sums = embeddings @ embeddings.sum(dim=0) - embeddings.square().sum(dim=1)  # of each row's similarities to others
    total = sums.sum()
    without = 1.0 - (total - 2.0 * sums) / ((count - 1) * (count - 2))
    error = ((count - 1) / count * (without - without.mean()).square().sum()).sqrt()
    return {"voice_spread": float(1.0 - total / (count * (count - 1))), "voice_spread_error": float(error)}
