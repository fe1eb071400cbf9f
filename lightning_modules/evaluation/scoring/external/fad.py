"""Measures the Fréchet audio distance on VGGish's embeddings, by the package ``frechet-audio-distance``."""

import contextlib
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from datamodules.corpus_layout import DIGITS, list_clips
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.external.metric import (
    NUM_SAMPLES,
    SAMPLE_RATE,
    ExternalMetric,
    FolderWaveforms,
    Outcome,
)
from lightning_modules.evaluation.scoring.folders import clip_batches
from lightning_modules.evaluation.scoring.reference_cache import compute_once
from lightning_modules.metrics import FeatureMoments, FeatureStatistics, disjoint_subsets, frechet_distance

FORMAT = 1  # raised when the same key begins to mean other embeddings
WIDTH = 128  # of VGGish's embeddings, D
SUBSET = 2 * WIDTH  # clips of a subset, so that its covariance has full rank
FEW_CLIPS = 2048  # as for FID: the bias falls about as 1/N
MIN_SUBSETS, MAX_SUBSETS = 4, 10


class FrechetAudioDistance(ExternalMetric):
    """Measures ``fad`` to real training clips, and ``fad_error``, its standard error over disjoint subsets of clips.

    Kilgour et al. 2019 (arXiv:1812.08466). A second of speech gives one embedding ``(128,)``: of VGGish's last layer
    before the ReLU and without PCA, the defaults of the package. They are taken from its ``get_embeddings``, because
    its ``score`` reads whole folders, prints what goes wrong and returns -1. The distance is the same formula.

    Subsets are smaller than the whole, so each lies higher: only their scatter counts.

    Args:
        background: corpus in Speech Commands layout; its training clips are the background.
        device: where VGGish runs.
        labels: digits of the background to keep.
        cache_dir: where the background's embeddings are cached; a folder of the user's cache by default.
    """

    def __init__(
        self,
        background: Path,
        device: str | torch.device = "cpu",
        labels: Sequence[int] = range(len(DIGITS)),
        cache_dir: Path | None = None,
    ) -> None:
        super().__init__("fad")
        self.background, self.device, self.labels, self.cache_dir = background, torch.device(device), labels, cache_dir
        self._published: Any = None
        self._real: FeatureStatistics | None = None

    def prepare(self) -> None:
        with _without_clap():
            from frechet_audio_distance import FrechetAudioDistance as Published
        try:
            self._published = Published(
                model_name="vggish", sample_rate=SAMPLE_RATE, use_pca=False, use_activation=False, verbose=False
            )
        except EOFError as error:
            raise RuntimeError("torch asks in a terminal, once, whether to trust VGGish's repository") from error
        # The package takes the first GPU there is; VGGish keeps the device of its inputs as an attribute.
        self._published.device = self._published.model.device = self.device
        self._published.model.to(self.device).eval()
        self._real = _statistics(self._background())

    def measure(self, clips: Iterable[Tensor]) -> Outcome:
        assert self._real is not None
        embeddings = self._embed(clips)
        figures = {"fad": float(frechet_distance(_statistics(embeddings), self._real))}
        count, notes = len(embeddings), []
        if count < FEW_CLIPS:
            notes.append(f"fad: of {count} clips, fewer than {FEW_CLIPS}, exploratory")
        num_subsets = min(MAX_SUBSETS, count // SUBSET)
        if num_subsets < MIN_SUBSETS:
            return figures, [*notes, f"fad_error: expected at least {MIN_SUBSETS * SUBSET} clips, got {count}"]
        subsets = [_statistics(embeddings[rows]) for rows in disjoint_subsets(count, num_subsets)]
        values = torch.stack([frechet_distance(subset, self._real) for subset in subsets])
        return {**figures, "fad_error": float(values.std() / num_subsets**0.5)}, notes

    def _background(self) -> Tensor:
        """Read or compute embeddings ``(N, D)`` of the background's training clips."""
        clips = [clip for clip in list_clips(self.background)["train"] if clip.label in self.labels]
        if len(clips) < 2:
            raise InputError(
                f"expected at least 2 training clips in {str(self.background)!r}, found {len(clips)}: give another "
                "reference or other labels"
            )
        identity = {"format": FORMAT, "vggish": fingerprint(self._published.model.state_dict())}
        batches = clip_batches(self.background, clips, SAMPLE_RATE, NUM_SAMPLES, name="background of fad")

        def compute() -> dict[str, Tensor]:
            return {"embeddings": self._embed(waveform for waveform, _ in batches)}

        unpack = itemgetter("embeddings")
        return compute_once(self.cache_dir, identity, self.background, {"train": clips}, compute, unpack)

    @torch.no_grad()  # the package forgets it
    def _embed(self, clips: Iterable[Tensor]) -> Tensor:
        """Compute embeddings ``(N, D)``, or raise RuntimeError where a clip has none; the package only prints why."""
        parts = []
        for batch in clips:
            printed = io.StringIO()
            try:
                with contextlib.redirect_stdout(printed):
                    part = torch.from_numpy(self._published.get_embeddings(list(batch.numpy()), SAMPLE_RATE))
            except ValueError as error:  # nothing to concatenate
                raise RuntimeError(printed.getvalue().strip() or str(error)) from error
            if part.shape != (len(batch), WIDTH):
                expected = f"expected embeddings {(len(batch), WIDTH)} of {len(batch)} clips, got {tuple(part.shape)}"
                raise RuntimeError(" ".join([expected, printed.getvalue().strip()]).strip())
            parts.append(part)
        return torch.cat(parts)


def frechet_audio_distance(folder: Path, background: Path, device: str | torch.device = "cpu") -> Outcome:
    """Measure ``fad`` and ``fad_error`` of a folder of WAV or FLAC files; see :class:`FrechetAudioDistance`.

    Raises:
        InputError: the folder or the background cannot be used.
    """
    return FrechetAudioDistance(background, device)(FolderWaveforms(folder))


def _statistics(embeddings: Tensor) -> FeatureStatistics:
    moments = FeatureMoments(WIDTH)
    moments.update(embeddings)
    return moments.compute()


@contextlib.contextmanager
def _without_clap() -> Iterator[None]:
    """Put an empty module in the place of ``laion_clap``, unless that is imported already.

    The package imports ``laion_clap`` for another of its models. That import fetches tokenizers, which takes minutes of
    attempts without a network connection, and VGGish needs none of it.
    """
    if "laion_clap" in sys.modules:
        yield
        return
    sys.modules["laion_clap"] = ModuleType("laion_clap")
    try:
        yield
    finally:
        del sys.modules["laion_clap"]
