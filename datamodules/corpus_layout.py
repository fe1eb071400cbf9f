"""The layout of Speech Commands: lists the clips of a folder, and assigns each to a split."""

import hashlib
import warnings
from pathlib import Path
from typing import Literal, NamedTuple

from lightning_modules.errors import InputError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SUFFIXES = (".wav", ".flac")
LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}
MAX_NUM_WAVS_PER_CLASS = 2**27 - 1

Split = Literal["train", "val", "test"]


class Clip(NamedTuple):
    """One recording: its path relative to the corpus, ``/`` as separator, and the digit spoken."""

    path: str
    label: int


def hash_split(name: str, val_percent: float = 10.0, test_percent: float = 10.0) -> Split:
    """Split of a clip by a hash of its speaker, the rule that made the official lists.

    Warden 2018 (arXiv:1804.03209, section 7): a speaker stays in one split when clips are added or removed.

    Args:
        name: file name ``<speaker>_nohash_<take>.<suffix>``, with or without folders before it.
        val_percent: share of speakers that validate, percent.
        test_percent: share of speakers that test, percent.
    """
    speaker = name.rpartition("/")[2].partition("_nohash_")[0]
    number = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % (MAX_NUM_WAVS_PER_CLASS + 1)
    percent = number * (100.0 / MAX_NUM_WAVS_PER_CLASS)
    if percent < val_percent:
        return "val"
    return "test" if percent < val_percent + test_percent else "train"


def holds_digits(root: Path) -> bool:
    """Whether ``root`` has a folder named like a digit with at least one recording in it."""
    return any(_is_recording(path) for word in DIGITS if (root / word).is_dir() for path in (root / word).iterdir())


def list_clips(root: Path) -> dict[Split, list[Clip]]:
    """Clips of every split, in an order that depends on their names only.

    ``testing_list.txt`` and ``validation_list.txt`` decide on the split, whatever suffix they give a clip; if one is
    missing, :func:`hash_split` decides instead. Ignored are folders that are no digits, and a FLAC beside a WAV of the
    same name.

    Raises:
        InputError: ``root`` is no folder, holds no digits, or both lists name one clip.
    """
    if not root.is_dir():
        raise InputError(
            f"expected a folder with recordings at {root}, but there is none: give an existing folder as root"
        )
    found = {}
    for label, word in enumerate(DIGITS):
        folder = root / word
        names = sorted(path.name for path in folder.iterdir() if _is_recording(path)) if folder.is_dir() else []
        found |= {_stem(f"{word}/{name}"): Clip(f"{word}/{name}", label) for name in names}  # .wav sorts after .flac
    if not found:
        raise InputError(
            f"expected recordings like {root}/three/<speaker>_nohash_0.wav, but no folder zero to nine in {root} holds "
            "any .wav or .flac file: give the folder that contains the digit folders as root"
        )
    listed = {split: _read_list(root / name) for split, name in LISTS.items()}
    _check_lists(root, listed, found)
    splits: dict[Split, list[Clip]] = {"train": [], "val": [], "test": []}
    for stem in sorted(found):
        splits[_split_of(stem, listed)].append(found[stem])
    return splits


def _split_of(stem: str, listed: dict[str, set[str] | None]) -> Split:
    for split, stems in listed.items():
        if stems is not None and stem in stems:
            return split
    by_hash = hash_split(stem)
    return by_hash if by_hash != "train" and listed[by_hash] is None else "train"


def _check_lists(root: Path, listed: dict[str, set[str] | None], found: dict[str, Clip]) -> None:
    both = sorted((listed["val"] or set()) & (listed["test"] or set()))
    if both:
        raise InputError(
            f"expected each clip in one split, but {both[0]} and {len(both) - 1} more stand in both {LISTS['val']} and "
            f"{LISTS['test']} of {root}: remove them from one list"
        )
    for split, stems in listed.items():
        digits = {stem for stem in stems or () if stem.partition("/")[0] in DIGITS}
        missing = len(digits - found.keys())
        if missing:
            warnings.warn(
                f"{missing} of {len(digits)} digit clips in {root / LISTS[split]} are not in the folder", stacklevel=3
            )


def _read_list(path: Path) -> set[str] | None:
    if not path.is_file():
        return None
    return {_stem(line.strip()) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()}


def _stem(path: str) -> str:
    stem, dot, suffix = path.replace("\\", "/").removeprefix("./").rpartition(".")
    return stem if dot and f".{suffix.lower()}" in SUFFIXES else path


def _is_recording(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
