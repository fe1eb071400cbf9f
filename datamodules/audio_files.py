"""Reads recordings, refusing those that are damaged or cut short, and writes WAV files."""

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile as sf
import torch
import torch.nn.functional as F
from torch import Tensor

from datamodules.new_files import new_file
from datamodules.recording_checks import MEND, BadRecordingError, check_file, check_header, cut_short

BLOCK = 1 << 18  # samples of all channels that are read at once: memory grows with what the file really holds
SILENCE = 1e-4  # difference of the highest and the lowest sample, full scale 1: below any noise floor
INAUDIBLE = 1e-3  # relative to the peak

LongClips = Literal["cut", "centre", "refuse"]
CUT, SCALED = "longer than the front end's clip and cut", "beyond full scale and scaled down to it"
SILENT, CANCELLED = "silent", "silent because their channels cancel"


@dataclass(frozen=True)
class ClipReader:
    """Reads clips at the rate and length that a front end needs, and adds a faint noise floor.

    Digital silence would make a spike at the floor of a log-Mel; so white Gaussian noise is added to the whole clip.

    Attributes:
        changes: path and kind of every clip that was cut, scaled down or silent, in the order of reading.
    """

    sample_rate: int  # samples per second of what is returned, Hz; recordings at other rates are resampled
    num_samples: int  # length of what is returned; shorter clips are padded with zeros
    dither: float  # standard deviation of the noise, as amplitude with full scale 1; 0 switches it off
    seed: int  # with the clip's relative path, the seed of its noise
    allow_silent: bool = False  # whether a clip of zeros is returned instead of refused; for generated speech
    long_clips: LongClips = "cut"  # of longer clips: cut the end, keep the centre, or refuse them
    changes: list[tuple[str, str]] = field(default_factory=list, init=False, repr=False, compare=False)

    def read(self, root: Path, path: str) -> Tensor:
        """Waveform ``(N,)`` float32 of the clip ``path`` (relative, ``/`` as separator) under ``root``.

        Raises:
            InputError: the clip is damaged or cut short, is empty, holds NaN or infinity, is longer than ``long_clips``
                allows, or is silent while neither dither nor ``allow_silent`` is set.
        """
        samples, rate = read_audio(root / path)
        mono = samples.mean(dim=0)
        cancelled = _spread(mono) <= INAUDIBLE * _spread(samples)
        if (peak := float(mono.abs().max())) > 1.0:
            mono = mono / peak
            self.changes.append((path, SCALED))
        clip = self._fit(resample(mono, rate, self.sample_rate), root / path, path)
        if cancelled or _spread(clip) <= SILENCE:
            self.changes.append((path, CANCELLED if cancelled and _spread(samples) > SILENCE else SILENT))
        if self.dither > 0.0:
            return clip + self.dither * torch.randn(self.num_samples, generator=self._random_stream(path))
        if not self.allow_silent and not clip.any():
            raise BadRecordingError(
                "silent", f"expected speech, but every sample of {root / path} is zero: set dither above 0, or {MEND}"
            )
        return clip

    def _fit(self, mono: Tensor, file: Path, path: str) -> Tensor:
        surplus = mono.shape[0] - self.num_samples
        if surplus <= 0:
            return F.pad(mono, (0, -surplus))
        if self.long_clips == "refuse":
            seconds = self.num_samples / self.sample_rate
            raise BadRecordingError(
                "too long",
                f"expected at most {seconds:g} s in {file}, found {mono.shape[0] / self.sample_rate:g} s: cut it, or "
                "set long_clips to cut or centre",
            )
        start = surplus // 2 if self.long_clips == "centre" else 0
        end = start + self.num_samples
        if max(_peak(mono[:start]), _peak(mono[end:])) > INAUDIBLE * _peak(mono):
            self.changes.append((path, CUT))
        return mono[start:end].clone()

    def _random_stream(self, path: str) -> torch.Generator:
        digest = hashlib.sha256(f"{self.seed}:{path}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def count_changes(changes: Sequence[tuple[str, str]]) -> str:
    """Count a reader's changes by kind, and name the first clip of each."""
    kinds = Counter(kind for _, kind in changes)
    first = {kind: path for path, kind in reversed(changes)}
    return "; ".join(f"{count} {kind} (the first is {first[kind]})" for kind, count in kinds.most_common())


def resample(waveform: Tensor, rate: int, new_rate: int) -> Tensor:
    """Waveform ``(N,)`` at another sample rate, by the high-quality filter of the SoX resampler.

    What lies above half the new rate is suppressed by more than 100 dB, and does not alias.
    """
    if rate == new_rate:
        return waveform
    import soxr  # librosa brings it

    return torch.from_numpy(np.ascontiguousarray(soxr.resample(waveform.numpy(), rate, new_rate, quality="HQ")))


def read_audio(path: Path) -> tuple[Tensor, int]:
    """All samples ``(channels, N)`` float32 of a WAV or FLAC file, full scale 1, and its sample rate in Hz.

    Raises:
        InputError: the file is missing, empty, truncated, no audio, absurdly long, or holds NaN or infinity.
    """
    check_file(path)
    try:
        with sf.SoundFile(str(path)) as file:
            check_header(path, file)
            expected, rate = file.frames, file.samplerate
            samples = _read_blocks(file)
    except BadRecordingError:
        raise
    except (OSError, sf.SoundFileError, ValueError, MemoryError) as error:
        raise BadRecordingError(
            "no audio", f"expected a WAV or FLAC recording, but {path} cannot be read ({error}): {MEND}"
        ) from error
    if len(samples) != expected:
        raise cut_short(path, expected, len(samples), "samples")
    if expected == 0:
        raise BadRecordingError("without samples", f"expected speech, but {path} holds no samples: {MEND}")
    waveform = torch.from_numpy(samples).T
    if not torch.isfinite(waveform).all():
        raise BadRecordingError("not finite", f"expected finite samples, but {path} holds NaN or infinity: {MEND}")
    return waveform, rate


def _read_blocks(file: sf.SoundFile) -> np.ndarray:
    """Samples ``(N, channels)`` up to the end that the header promises, or the true end."""
    size = max(1, BLOCK // file.channels)
    blocks, left = [np.zeros((0, file.channels), np.float32)], file.frames
    while left > 0:
        blocks.append(file.read(min(size, left), dtype="float32", always_2d=True))
        left -= size
        if len(blocks[-1]) < size:
            break
    return blocks[1] if len(blocks) == 2 else np.concatenate(blocks)


def _spread(samples: Tensor) -> float:
    """The largest difference of two samples of one channel."""
    return float((samples.amax(dim=-1) - samples.amin(dim=-1)).max())


def _peak(samples: Tensor) -> float:
    return float(samples.abs().max()) if len(samples) else 0.0


def write_wav(path: Path, waveform: Tensor, sample_rate: int) -> None:
    """Write ``waveform`` ``(N,)`` in [-1, 1] as 16-bit PCM under a temporary name, then rename.

    Raises:
        OSError: the disk is full or cannot be written; libsndfile itself would only say "System error."
    """
    with new_file(path) as temporary:
        temporary.write_bytes(wav_bytes(waveform.float().cpu().numpy(), sample_rate))


def wav_bytes(waveform: np.ndarray, sample_rate: int = 16000) -> bytes:
    """A WAV file, 16-bit mono, of ``waveform`` ``(N,)``, which is int16 or in [-1, 1].

    It is made in memory: libsndfile would write to the disk in many small steps.
    """
    content = io.BytesIO()
    sf.write(content, waveform, sample_rate, subtype="PCM_16", format="WAV")
    return content.getvalue()
