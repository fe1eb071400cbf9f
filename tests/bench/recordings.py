"""Recordings of shaped noise, which cost as much to read as speech."""

from pathlib import Path

import numpy as np
import soundfile

from datamodules.corpus_layout import DIGITS

RATE, NUM_SAMPLES = 16000, 16000


def record_folder(folder: Path, count: int) -> Path:
    """``count`` one-second WAVs, named as `scoretap predict` names them."""
    return _record(folder, (f"{j:05d}_{j % 10}_seed{j}.wav" for j in range(count)))


def record_corpus(folder: Path, count: int) -> Path:
    """``count`` one-second WAVs in the layout of Speech Commands, by as many speakers as there are takes of a digit."""
    return _record(folder, (f"{DIGITS[j % 10]}/{j // 10:08x}_nohash_0.wav" for j in range(count)))


def _record(folder: Path, names) -> Path:
    generator = np.random.default_rng(0)
    envelope = 0.2 * np.hanning(NUM_SAMPLES)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, envelope * generator.standard_normal(NUM_SAMPLES), RATE, subtype="PCM_16")
    return folder
