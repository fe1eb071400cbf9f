"""Reads the lists that split a corpus, and finds the clips that they name."""

import codecs
import os
import unicodedata
import warnings
from collections.abc import Collection
from pathlib import Path

from datamodules.corpus_names import DIGITS, HELD_OUT, LISTS, shown, stem_of
from lightning_modules.errors import InputError


def read_lists(root: Path, stems: Collection[str]) -> dict[str, set[str] | None]:
    """The clips that each list of ``root`` names; None for a list that is not there.

    A name counts by its last folder and its file name, whatever stands before them, with any suffix of a recording.
    Where none of the clips that are there (``stems``: ``<word>/<file name without suffix>``) is written exactly so,
    letter case and the form of accents are passed over.

    Raises:
        InputError: a list cannot be read, names no clip that is there, or both lists name one clip.
    """
    _refuse_other_spellings(root)
    loose = _by_loose_name(stems)
    names = {split: _read(root / name) for split, name in LISTS.items()}
    listed = {
        split: None if found is None else _match(root / LISTS[split], found, stems, loose)
        for split, found in names.items()
    }
    both = sorted((listed["val"] or set()) & (listed["test"] or set()))
    if both:
        raise InputError(
            f"expected each clip in one split, but {shown(both[0])} and {len(both) - 1} more stand in both "
            f"{LISTS['val']} and {LISTS['test']} of {root}: remove them from one list"
        )
    return listed


def read_held_out(root: Path, stems: Collection[str]) -> set[str]:
    """The clips that ``held_out_list.txt`` of ``root`` names, in any way of writing; none without the list."""
    names = _read(root / HELD_OUT)
    return set() if names is None else _match(root / HELD_OUT, names, stems, _by_loose_name(stems))


def _by_loose_name(stems: Collection[str]) -> dict[str, set[str]]:
    loose: dict[str, set[str]] = {}
    for stem in stems:
        loose.setdefault(_loose(stem), set()).add(stem)
    return loose


def _match(path: Path, names: list[str], stems: Collection[str], loose: dict[str, set[str]]) -> set[str]:
    matched: set[str] = set()
    of_digits = missing = 0
    for name in names:
        stem = _last_two(name)
        found = {stem} if stem in stems else loose.get(_loose(stem), set())
        matched |= found
        word, slash, _ = stem.partition("/")
        if found or not slash or word.casefold() in DIGITS:  # other words of Speech Commands are no digits
            of_digits += 1
            missing += not found
    if names and not matched:
        raise InputError(
            f"expected names of clips such as {shown(min(stems))}.wav in {path}, but none of its {len(names)} names is "
            f"a clip; the first is {names[0]!r}, looked for as {_last_two(names[0])!r} with .wav or .flac in "
            f"{path.parent}: correct the names, or delete the list"
        )
    if missing:
        warnings.warn(f"{missing} of {of_digits} digit clips in {path} are not in the folder", stacklevel=4)
    if not names:
        warnings.warn(f"{path} names no clip, so its split is empty", stacklevel=4)
    return matched


def _read(path: Path) -> list[str] | None:
    """Names in a list, in UTF-8, or in UTF-16 with its mark, as some editors write it."""
    if not os.path.lexists(path):
        return None
    try:
        if not path.is_file():  # also a link that leads nowhere, which must not pass for no list
            raise OSError("it is no file, or a link that leads to none")
        content = path.read_bytes()
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"expected a list of clips in UTF-8, one name a line, but {path} cannot be read ({error}): save it as "
            "UTF-8, or delete it"
        ) from error
    lines = (line.strip().strip("\"'\ufeff") for line in text.splitlines())
    return [line for line in lines if line]


def _last_two(name: str) -> str:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return stem_of("/".join(parts[-2:]))


def _loose(stem: str) -> str:
    return unicodedata.normalize("NFC", stem).casefold()


def _refuse_other_spellings(root: Path) -> None:
    known = (*LISTS.values(), HELD_OUT)
    for name in sorted(os.listdir(root)):
        if name.casefold().strip() in known and name not in known:
            raise InputError(
                f"expected the list {name.casefold().strip()} in {root}, found {shown(name)!r}: rename it, or delete it"
            )
