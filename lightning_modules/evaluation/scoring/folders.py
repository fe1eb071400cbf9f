"""Lists the clips in a folder of speech, with the digit that each is meant to be, and reads them in batches."""

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from datamodules.audio_files import ClipReader, count_changes
from datamodules.corpus_layout import DIGITS, SUFFIXES, Clip
from datamodules.manifest import MANIFEST, PARTS, read_manifest
from lightning_modules.errors import InputError
from lightning_modules.labels import NO_LABEL, parse_label

_WRITTEN = re.compile(r"[0-9]+_([0-9]|any)_seed[0-9]+")  # as `scoretap predict` names its files: 00012_3_seed7.wav


def list_speech(folder: Path) -> list[Clip]:
    """List the clips of ``folder`` with their intended digits, ``NO_LABEL`` for none.

    Digits come from ``manifest.csv``; else from sub-folders named zero to nine or 0 to 9, other sub-folders are left
    out; else from file names as `scoretap predict` writes them.

    Raises:
        InputError: there is no such folder or no clip in it, its manifest is damaged, or its run did not finish.
    """
    if not folder.is_dir():
        raise InputError(f"expected a folder of WAV or FLAC files at {str(folder)!r}, but there is none")
    if (folder / MANIFEST).is_file():
        return [Clip(entry.file, entry.label) for entry in read_manifest(folder, drawn=False)]
    if any(folder.glob(PARTS)):
        raise InputError(f"the run that drew samples to {str(folder)!r} did not finish: run scoretap predict again")
    clips = [
        Clip(f"{name}/{path.name}", digit)
        for digit, word in enumerate(DIGITS)
        for name in (str(digit), word)
        for path in _recordings(folder / name)
    ]
    clips = clips or [Clip(path.name, _digit_in_name(path.stem)) for path in _recordings(folder)]
    if not clips:
        raise InputError(
            f"expected WAV or FLAC files in {str(folder)!r} or in its sub-folders zero to nine, found none: "
            "give the folder that holds them"
        )
    return clips


def clip_batches(
    root: Path, clips: Sequence[Clip], sample_rate: int, num_samples: int, batch_size: int = 64, name: str | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Read waveforms ``(B, N)`` and digits ``(B,)`` batch by batch; silence is read like any other clip.

    Args:
        root: folder that paths are relative to.
        clips: what to read.
        sample_rate: samples per second, Hz; other rates are resampled.
        num_samples: length of every clip; shorter ones are padded with zeros, longer ones lose their end, which a
            warning counts.
        batch_size: clips at a time.
        name: shows a progress bar of this name on a terminal.

    Raises:
        InputError: a clip cannot be read.
    """
    reader = ClipReader(sample_rate, num_samples, dither=0.0, seed=0, allow_silent=True)
    with tqdm(total=len(clips), desc=name, unit="clip", leave=False, disable=True if name is None else None) as bar:
        for start in range(0, len(clips), batch_size):
            batch = clips[start : start + batch_size]
            waveforms = torch.stack([reader.read(root, clip.path) for clip in batch])
            yield waveforms, torch.tensor([clip.label for clip in batch])
            bar.update(len(batch))
    if reader.changes:
        warnings.warn(f"of {len(clips)} clips in {root}: {count_changes(reader.changes)}", stacklevel=2)


def folder_batches(
    folder: Path, sample_rate: int, num_samples: int, batch_size: int = 64, name: str | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Check and list a folder at once, and read its clips batch by batch, when each batch is asked for."""
    return clip_batches(folder, list_speech(folder), sample_rate, num_samples, batch_size, name)


def _digit_in_name(stem: str) -> int:
    """Read the digit in a file name that `scoretap predict` wrote; ``NO_LABEL`` in other names."""
    match = _WRITTEN.fullmatch(stem)
    return parse_label(match[1]) if match else NO_LABEL


def _recordings(folder: Path) -> list[Path]:
    """List recordings in ``folder`` by name; a FLAC beside a WAV of its name is the same clip."""
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    return list({path.stem: path for path in paths}.values())  # .wav sorts after .flac
