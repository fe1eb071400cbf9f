"""The base of external metrics: each is loaded when first used, and becomes a note where it is not installed."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.folders import clip_batches, list_speech
from lightning_modules.evaluation.scoring.rows import Row, keep_finite

SAMPLE_RATE = 16000  # Hz, of both packages
NUM_SAMPLES = 16000  # one second, as the evaluator takes clips; VGGish gives nothing for less than 15600 samples

Outcome = tuple[dict[str, float], list[str]]  # figures by name, and notes


class ExternalMetric(ABC):
    """Measures clips by another package, which is imported, with its weights, when first used.

    A missing package is no error: it becomes the same note in every row. What the package raises on a row's clips
    becomes a note of that row. The name is that of the extra that installs it, and of its figure if it has one.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._missing: str | None = None  # why the package cannot be used, or empty; None until it is asked for

    @abstractmethod
    def prepare(self) -> None:
        """Import the package and load its weights."""

    @abstractmethod
    def measure(self, clips: Iterable[Tensor]) -> Outcome:
        """Compute figures and notes of waveforms ``(B, N)``, one second each at 16 kHz.

        An attribute ``labels`` of ``clips`` holds their intended digits, where they are known.
        """

    def __call__(self, clips: Iterable[Tensor]) -> Outcome:
        """Compute finite figures of waveforms ``(B, N)``, one second each at 16 kHz, and a note for what is missing.

        Raises:
            InputError: a clip, or the background's, cannot be read.
        """
        if self._missing is None:
            self._missing = self._load()
        if self._missing:
            return {}, [self._missing]
        try:
            figures, notes = self.measure(clips)
        except InputError:
            raise
        except Exception as error:  # whatever another package raises
            return {}, [f"{self.name}: {_reason(error)}"]
        finite, wrong = keep_finite(figures)
        return finite, notes + wrong

    def _load(self) -> str:
        """Prepare the metric; return a note where that fails, else an empty string."""
        try:
            self.prepare()
        except InputError:
            raise
        except Exception as error:  # whatever another package raises while it is imported or fetches its weights
            remedy = "its weights are fetched when it is first used"
            if isinstance(error, ImportError):
                remedy = f"pip install 'scoretap[{self.name}]'"
            return f"{self.name}: unavailable ({_reason(error)}): {remedy}"
        return ""


class FolderWaveforms:
    """Reads waveforms ``(B, N)`` of a folder of speech as external metrics take them, anew for each metric.

    16 kHz, mono, exactly one second: shorter clips are padded with zeros at their end, longer ones lose it, like those
    that the evaluator takes.

    Args:
        folder: of WAV or FLAC files; reading raises InputError where it holds no speech, or a clip cannot be read.
        count: of clips to read, from the first; None for all.
    """

    def __init__(self, folder: Path, count: int | None = None) -> None:
        self.folder, self.count = folder, count

    @property
    def labels(self) -> list[int]:
        """Intended digits of the clips in their order, ``NO_LABEL`` for none."""
        return [clip.label for clip in list_speech(self.folder)[: self.count]]

    def __iter__(self) -> Iterator[Tensor]:
        clips = list_speech(self.folder)[: self.count]
        for waveform, _ in clip_batches(self.folder, clips, SAMPLE_RATE, NUM_SAMPLES):
            yield waveform


def add_external_figures(metrics: Sequence[ExternalMetric], row: Row, waveforms: Iterable[Tensor]) -> None:
    """Add figures and notes of ``metrics`` to ``row``; waveforms ``(B, N)`` are read once for each metric."""
    for metric in metrics:
        row.add(*metric(waveforms))


def _reason(error: Exception) -> str:
    """Take the first line of an error's message."""
    lines = str(error).strip().splitlines()
    kind = "" if isinstance(error, ImportError | ValueError) and lines else type(error).__name__
    return ": ".join(part for part in (kind, lines[0].rstrip(" .:") if lines else "") if part)
