"""The layout of Speech Commands: lists the clips of a folder, and assigns each to a split."""

import hashlib
import os
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from datamodules.corpus_names import DIGITS, HELD_OUT, LISTS, SUFFIXES, shown, stem_of
from datamodules.split_lists import read_held_out, read_lists
from lightning_modules.errors import InputError

MAX_NUM_WAVS_PER_CLASS = 2**27 - 1
SPEAKER_PATTERN = "^(.*?)_nohash_"

Split = Literal["train", "val", "test"]


class Clip(NamedTuple):
    """One recording: its path relative to the corpus, ``/`` as separator, and the digit spoken."""

    path: str
    label: int


def hash_split(
    name: str, val_percent: float = 10.0, test_percent: float = 10.0, speaker_pattern: str = SPEAKER_PATTERN
) -> Split:
    """Split of a clip by a hash of its speaker, the rule that made the official lists.

    Warden 2018 (arXiv:1804.03209, section 7): a speaker stays in one split when clips are added or removed. The one
    group of ``speaker_pattern`` finds the speaker in the file name; a name that does not match is a speaker of its own.
    """
    speaker = find_speaker(name, speaker_pattern)
    if speaker is None:
        speaker = name.rpartition("/")[2]
    number = int(hashlib.sha1(os.fsencode(speaker)).hexdigest(), 16) % (MAX_NUM_WAVS_PER_CLASS + 1)
    percent = number * (100.0 / MAX_NUM_WAVS_PER_CLASS)
    if percent < val_percent:
        return "val"
    return "test" if percent < val_percent + test_percent else "train"


def find_speaker(name: str, speaker_pattern: str = SPEAKER_PATTERN) -> str | None:
    """The speaker that a file name holds, with or without its suffix; None where ``speaker_pattern`` finds none."""
    file = name.rpartition("/")[2]
    match = re.search(speaker_pattern, file) or re.search(speaker_pattern, stem_of(file))
    return match[1] if match else None


def check_speaker_pattern(speaker_pattern: str) -> None:
    """Refuse a pattern that is no regular expression with one group.

    Raises:
        InputError: says what is wrong with the pattern.
    """
    try:
        groups = re.compile(speaker_pattern).groups
    except (re.error, TypeError) as error:
        raise InputError(
            f"expected speaker_pattern to be a regular expression, got {speaker_pattern!r} ({error}): correct it"
        ) from error
    if groups != 1:
        raise InputError(
            f"expected speaker_pattern with one group in parentheses, the speaker, got {speaker_pattern!r} with "
            f"{groups}: correct it, for instance to {SPEAKER_PATTERN!r}"
        )


def holds_digits(root: Path) -> bool:
    """Whether ``root`` has a folder named like a digit with at least one recording in it."""
    return any(_is_recording(path) for word in DIGITS if (root / word).is_dir() for path in (root / word).iterdir())


def list_clips(root: Path, speaker_pattern: str = SPEAKER_PATTERN) -> dict[Split, list[Clip]]:
    """Clips of every split, in an order that depends on their names only.

    ``testing_list.txt`` and ``validation_list.txt`` decide on the split, whatever suffix they give a clip; if one is
    missing, :func:`hash_split` decides instead, by the speaker that ``speaker_pattern`` finds. Ignored are folders that
    are no digits, a FLAC beside a WAV of the same name, and the clips of :func:`list_held_out`.

    Raises:
        InputError: ``root`` is no folder or holds no digits, a digit's folder is misspelt, a list cannot be used, or a
            list is missing and a file name does not tell the speaker.
    """
    splits, _ = _split_clips(root, speaker_pattern)
    _warn_of_shared_speakers(root, splits, speaker_pattern)
    return splits


def list_held_out(root: Path, speaker_pattern: str = SPEAKER_PATTERN) -> list[Clip]:
    """Clips of the training speakers that ``held_out_list.txt`` keeps from training; none without that list.

    Clips of speakers who have no training clip are left out: a test of memorisation compares voices that are known.

    Raises:
        InputError: as :func:`list_clips`; or the list names a clip that is for validation or test.
    """
    splits, held_out = _split_clips(root, speaker_pattern)
    speakers = {find_speaker(clip.path, speaker_pattern) for clip in splits["train"]}
    return [clip for clip in held_out if find_speaker(clip.path, speaker_pattern) in speakers]


def _split_clips(root: Path, speaker_pattern: str) -> tuple[dict[Split, list[Clip]], list[Clip]]:
    """Clips of every split, and those that are held out of training."""
    try:
        found = _find_clips(root)
        listed = read_lists(root, found.keys()) if found else {}
        named = read_held_out(root, found.keys()) if found else set()
    except OSError as error:
        raise InputError(f"cannot list the recordings of {root} ({error}): make its folders readable") from error
    if not found:
        raise InputError(
            f"expected recordings like {root}/three/<speaker>_nohash_0.wav, but no folder zero to nine in {root} holds "
            "any .wav or .flac file: give the folder that contains the digit folders as root"
        )
    if None in listed.values():
        unlisted = [stem for stem in found if not any(stem in stems for stems in listed.values() if stems)]
        _check_speakers(unlisted, found, speaker_pattern)
    splits: dict[Split, list[Clip]] = {"train": [], "val": [], "test": []}
    held_out = []
    for stem in sorted(found):
        split = _split_of(found[stem].path, stem, listed, speaker_pattern)
        if stem in named and split != "train":
            raise InputError(
                f"expected training clips in {HELD_OUT} of {root}, but {shown(found[stem].path)} is in the split "
                f"{split}: remove it from the list"
            )
        (held_out if stem in named else splits[split]).append(found[stem])
    return splits, held_out


def _find_clips(root: Path) -> dict[str, Clip]:
    if not root.is_dir():
        raise InputError(
            f"expected a folder with recordings at {root}, but there is none: give an existing folder as root"
        )
    for name in sorted(os.listdir(root)):
        word = name.casefold().strip()
        if word in DIGITS and name not in DIGITS:
            raise InputError(f"expected the folder {word} in {root}, found {shown(name)!r}: rename it to {word}")
        if name in DIGITS and not (root / name).is_dir():
            raise InputError(
                f"expected {root / name} to be a folder of recordings, but it is a file, or a link that leads to no "
                "folder: mend or delete it"
            )
    found: dict[str, Clip] = {}
    for label, word in enumerate(DIGITS):
        folder = root / word
        names = sorted(path.name for path in folder.iterdir() if _is_recording(path)) if folder.is_dir() else []
        found |= {stem_of(f"{word}/{name}"): Clip(f"{word}/{name}", label) for name in names}  # .wav after .flac
    return found


def _check_speakers(stems: Iterable[str], found: dict[str, Clip], speaker_pattern: str) -> None:
    """Refuse names that do not tell the speaker: by hash, clips of one speaker would fall into all splits."""
    paths = sorted(found[stem].path for stem in stems)
    nameless = [path for path in paths if find_speaker(path, speaker_pattern) is None]
    if nameless:
        raise InputError(
            f"expected the speaker in every file name, as {speaker_pattern!r} finds it, but {len(nameless)} of "
            f"{len(paths)} names do not match, such as {shown(nameless[0])}: set --data.init_args.speaker_pattern to a "
            "regular expression with one group for the speaker, such as '^[0-9]_(.*)_' for 3_anna_7.wav, or name the "
            f"clips in {LISTS['val']} and {LISTS['test']}"
        )


def _warn_of_shared_speakers(root: Path, splits: dict[Split, list[Clip]], speaker_pattern: str) -> None:
    where: dict[str, set[str]] = {}
    for split, clips in splits.items():
        for clip in clips:
            if (speaker := find_speaker(clip.path, speaker_pattern)) is not None:
                where.setdefault(speaker, set()).add(split)
    if shared := sorted(speaker for speaker, found in where.items() if len(found) > 1):
        warnings.warn(
            f"the lists of {root} put {len(shared)} of {len(where)} speakers into more than one split, such as "
            f"{shown(shared[0])}: figures on its test clips are of voices that training has heard",
            stacklevel=3,
        )


def _split_of(path: str, stem: str, listed: dict[str, set[str] | None], speaker_pattern: str) -> Split:
    for split, stems in listed.items():
        if stems is not None and stem in stems:
            return split
    if None not in listed.values():
        return "train"
    by_hash = hash_split(path, speaker_pattern=speaker_pattern)
    return by_hash if by_hash != "train" and listed[by_hash] is None else "train"


def _is_recording(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
