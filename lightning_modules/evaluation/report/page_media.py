"""Writes the sounds and pictures of the page."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from datamodules.audio_files import ClipReader, read_audio
from lightning_modules.audio import LogMel


@dataclass(frozen=True)
class Media:
    """Sound and spectrogram of one clip, as paths relative to the page, and how loud it is.

    Loudness is the root mean square of the samples, dB with full scale 0; -inf for silence.
    """

    audio: str
    picture: str
    loudness: float


class MediaWriter:
    """Copies sounds into ``audio`` in a folder, and draws ``spectrograms`` beside it, all with the same colours."""

    def __init__(self, folder: Path) -> None:
        from matplotlib import colormaps

        self.folder = folder
        self._mel = LogMel(hop_length=128, num_frames=126)  # twice the frames of the models, for the eye
        self._reader = ClipReader(self._mel.sample_rate, self._mel.num_samples, dither=0.0, seed=0, allow_silent=True)
        self._palette = (colormaps["magma"](range(256), bytes=True)[:, :3]).tobytes()
        for name in ("audio", "spectrograms"):
            (folder / name).mkdir()

    def write(self, file: Path, name: str) -> Media:
        """Copy ``file`` as it is and draw it; ``name`` is that of the new files, without suffix.

        Raises:
            InputError: the sound cannot be read.
        """
        samples, _ = read_audio(file)
        waveform = self._reader.read(file.parent, file.name)
        audio = Path("audio", name + file.suffix.lower())
        picture = Path("spectrograms", name + ".png")
        shutil.copyfile(file, self.folder / audio)
        self._image(self._mel(waveform[None])[0, 0]).save(self.folder / picture, optimize=True)
        return Media(audio.as_posix(), picture.as_posix(), _decibel(samples))

    def _image(self, mel: Tensor) -> Any:
        """Draw a scaled log-Mel ``(F, L)`` in 256 colours, low frequencies at the bottom; -1 is the darkest."""
        from PIL import Image

        levels = ((mel.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8).flip(0)
        image = Image.fromarray(levels.numpy(), mode="P")
        image.putpalette(self._palette)
        return image


def _decibel(samples: Tensor) -> float:
    power = samples.double().square().mean().item()
    return 10.0 * math.log10(power) if power > 0.0 else -math.inf
