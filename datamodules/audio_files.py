"""Reads recordings, refusing those that are damaged or cut short, and writes WAV files."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import soundfile as sf
import torch
import torch.nn.functional as F
from torch import Tensor
from torchaudio.functional import resample

from lightning_modules.errors import InputError

MEND = "replace or delete the file"


@dataclass(frozen=True)
class ClipReader:
    """Reads clips at the rate and length that a front end needs, and adds a faint noise floor.

    Digital silence would make a spike at the floor of a log-Mel; so white Gaussian noise is added to the whole clip.

    Args:
        sample_rate: samples per second of what is returned, Hz; recordings at other rates are resampled.
        num_samples: length of what is returned; shorter clips are padded with zeros, longer ones lose their end.
        dither: standard deviation of the noise, as amplitude with full scale 1; 0 switches it off.
        seed: with the clip's relative path, the seed of its noise.
        allow_silent: whether a clip of zeros is returned instead of refused; for scoring generated speech.
    """

    sample_rate: int
    num_samples: int
    dither: float
    seed: int
    allow_silent: bool = False

    def read(self, root: Path, path: str) -> Tensor:
        """Waveform ``(N,)`` float32 of the clip ``path`` (relative, ``/`` as separator) under ``root``.

        Raises:
            InputError: the clip is damaged or cut short, is empty, holds NaN or infinity, or is silent while
                neither dither nor ``allow_silent`` is set.
        """
        samples, rate = read_audio(root / path)
        mono = samples.mean(dim=0)
        if rate != self.sample_rate:
            mono = resample(mono, rate, self.sample_rate)
        clip = F.pad(mono, (0, self.num_samples - mono.shape[0]))  # a negative pad trims
        if self.dither > 0.0:
            return clip + self.dither * torch.randn(self.num_samples, generator=self._random_stream(path))
        if not self.allow_silent and not clip.any():
            raise InputError(
                f"expected speech, but every sample of {root / path} is zero: set dither above 0, or {MEND}"
            )
        return clip

    def _random_stream(self, path: str) -> torch.Generator:
        digest = hashlib.sha256(f"{self.seed}:{path}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def read_audio(path: Path) -> tuple[Tensor, int]:
    """All samples ``(channels, N)`` float32 of a WAV or FLAC file, full scale 1, and its sample rate in Hz.

    Raises:
        InputError: the file is missing, empty, truncated, no audio, or holds NaN or infinity.
    """
    try:
        _check_riff_sizes(path)
        with sf.SoundFile(str(path)) as file:
            expected, rate = file.frames, file.samplerate
            samples = file.read(dtype="float32", always_2d=True)
    except (OSError, sf.SoundFileError) as error:
        raise InputError(f"expected a WAV or FLAC recording, but {path} cannot be read ({error}): {MEND}") from error
    if len(samples) != expected:
        raise InputError(f"expected {expected} samples in {path}, found {len(samples)}, it is truncated: {MEND}")
    if expected == 0:
        raise InputError(f"expected speech, but {path} holds no samples: {MEND}")
    waveform = torch.from_numpy(samples).T
    if not torch.isfinite(waveform).all():
        raise InputError(f"expected finite samples, but {path} holds NaN or infinity: {MEND}")
    return waveform, rate


def _check_riff_sizes(path: Path) -> None:
    """Refuse an empty file, and a WAV that ends before its data chunk does (libsndfile would shorten it silently)."""
    size = os.path.getsize(path)
    if size == 0:
        raise InputError(f"expected a recording, but {path} is empty: {MEND}")
    with open(path, "rb") as file:
        header = file.read(12)
        if header[:4] not in (b"RIFF", b"RIFX") or header[8:] != b"WAVE":
            return
        order = "little" if header[:4] == b"RIFF" else "big"
        while len(chunk := file.read(8)) == 8:
            length = int.from_bytes(chunk[4:], order)
            if chunk[:4] == b"data":
                present = size - file.tell()
                if present < length:
                    raise InputError(
                        f"expected {length} bytes of audio in {path}, found {present}, it is truncated: {MEND}"
                    )
                return
            file.seek(length + length % 2, os.SEEK_CUR)  # chunks are padded to even lengths
    raise InputError(f"expected audio in {path}, but it has no data chunk, it is truncated: {MEND}")


def write_wav(path: Path, waveform: Tensor, sample_rate: int) -> None:
    """Write ``waveform`` ``(N,)`` in [-1, 1] as 16-bit PCM under a temporary name, then rename."""
    temporary = path.with_name(f".{path.name}.tmp")
    sf.write(temporary, waveform.float().cpu().numpy(), sample_rate, subtype="PCM_16", format="WAV")
    temporary.replace(path)
