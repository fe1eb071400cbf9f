"""What published judges share: fetched when first asked, and a note where they cannot be had."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.folders import clip_batches, list_speech
from lightning_modules.evaluation.scoring.rows import Row

SAMPLE_RATE = 16000  # Hz, of both published judges
NUM_SAMPLES = 16000  # one second, as the evaluator hears clips; VGGish gives nothing for less than 15600 samples

Found = tuple[dict[str, float], list[str]]


class ExternalJudge(ABC):
    """Figures of a judge from another package, which is imported, with its weights, when first asked.

    Absence is no error: it becomes a note, the same for every row, and what the package raises on a row's clips becomes
    a note of that row.

    Args:
        name: of its main figure, and of the extra that installs it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._asked = False
        self._missing = ""

    @abstractmethod
    def prepare(self) -> None:
        """Import the package and load its weights."""

    @abstractmethod
    def judge(self, clips: Iterable[Tensor]) -> Found:
        """Figures and notes of waveforms ``(B, N)``, one second each at 16 kHz."""

    def __call__(self, clips: Iterable[Tensor]) -> Found:
        """Finite figures of waveforms ``(B, N)``, one second each at 16 kHz, and a note for what is missing.

        Raises:
            InputError: a clip, or the background's, cannot be read.
        """
        if not self._asked:
            self._missing = self._prepared()
            self._asked = True
        if self._missing:
            return {}, [self._missing]
        try:
            figures, notes = self.judge(clips)
        except InputError:
            raise
        except Exception as error:  # whatever another package raises
            return {}, [f"{self.name}: {_reason(error)}"]
        wrong = [f"{name}: {value}, left out" for name, value in figures.items() if not math.isfinite(value)]
        return {name: value for name, value in figures.items() if math.isfinite(value)}, notes + wrong

    def _prepared(self) -> str:
        """Why the judge cannot be had, or nothing."""
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
    """Waveforms ``(B, N)`` of a folder of speech as published judges hear them, read anew for each judge.

    16 kHz, mono, exactly one second: shorter clips are padded with zeros at their end, longer ones lose it, like those
    that the evaluator hears.

    Args:
        folder: of WAV or FLAC files; reading raises InputError where it holds no speech, or a clip cannot be read.
        count: of clips to read, from the first; None for all.
    """

    def __init__(self, folder: Path, count: int | None = None) -> None:
        self.folder, self.count = folder, count

    def __iter__(self) -> Iterator[Tensor]:
        clips = list_speech(self.folder)[: self.count]
        for waveform, _ in clip_batches(self.folder, clips, SAMPLE_RATE, NUM_SAMPLES):
            yield waveform


def ask(judges: Sequence[ExternalJudge], row: Row, waveforms: Iterable[Tensor]) -> None:
    """Add to ``row`` what ``judges`` find in waveforms ``(B, N)``, which are read once for each.

    Raises:
        InputError: a clip cannot be read.
    """
    for judge in judges:
        figures, notes = judge(waveforms)
        row.figures.update(figures)
        row.notes.extend(notes)


def _reason(error: Exception) -> str:
    """First line of what an error says."""
    lines = str(error).strip().splitlines()
    kind = "" if isinstance(error, ImportError | ValueError) and lines else type(error).__name__
    return ": ".join(part for part in (kind, lines[0].rstrip(" .:") if lines else "") if part)
