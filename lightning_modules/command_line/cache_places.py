"""Finds and removes what scoretap keeps in a cache folder, known by its exact names."""

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lightning_modules.errors import InputError
from lightning_modules.locks import locked


class Place(NamedTuple):
    """One kind of thing that a cache keeps.

    Attributes:
        name: what it is called.
        folder: where it lies, below the cache.
        pattern: names of its files, relative to ``folder``; files whose first group is equal belong together.
        use: what it is for.
    """

    name: str
    folder: str
    pattern: str
    use: str


class Kept(NamedTuple):
    """Files that are kept and removed together.

    Attributes:
        place: what they are.
        files: their paths.
        size: bytes.
        used: when one of them was last read or written, seconds since 1970.
    """

    place: Place
    files: list[Path]
    size: int
    used: float


PLACES = (
    Place("features", "", r"((?:train|val|test)-[0-9a-f]{32})\.(?:npy|json)", "features of recordings, to train on"),
    Place("contents", "contents", r"([\w-]+-[0-9a-f]{16})\.json", "digests of recordings, by which features are found"),
    Place("references", "references", r"([0-9a-f]{32})\.pt", "what evaluators say of real speech"),
    Place(
        "weights",
        "weights",
        r"([0-9a-f]{16})(?:/[a-z0-9-]+\.(?:json|lock|safetensors(?:\.part)?)|\.lock|\.ckpt(?:\.part)?)",
        "weights of models that were fetched by name",
    ),
)


def find_kept(cache: Path) -> list[Kept]:
    """List what is kept in ``cache``; links and files of other names are left out."""
    kept = []
    for place in PLACES:
        groups: dict[str, list[Path]] = {}
        for path in _files(cache / place.folder, deep=place.folder == "weights"):
            name = path.relative_to(cache / place.folder).as_posix()
            if (match := re.fullmatch(place.pattern, name, re.ASCII)) is not None:
                groups.setdefault(match[1], []).append(path)
        for files in groups.values():
            with contextlib.suppress(FileNotFoundError):  # another command has just removed one
                states = [path.lstat() for path in files]
                used = max(max(state.st_atime, state.st_mtime) for state in states)
                kept.append(Kept(place, sorted(files), sum(state.st_size for state in states), used))
    return kept


def remove_kept(kept: Sequence[Kept]) -> int:
    """Remove files, those that a running command is making excepted; returns how many of ``kept`` are gone.

    A process that reads a file goes on reading it.
    """
    removed = 0
    for each in kept:
        try:
            with contextlib.ExitStack() as stack:
                for path in each.files:
                    stack.enter_context(locked(path))
                for path in each.files:
                    path.unlink(missing_ok=True)
        except InputError as error:
            print(f"left: {error}")
            continue
        with contextlib.suppress(OSError):
            if each.files[0].parent.parent.name == "weights":
                each.files[0].parent.rmdir()  # refuses one that holds anything
        removed += 1
    return removed


def _files(folder: Path, deep: bool) -> list[Path]:
    """List plain files in a folder, and in its sub-folders if it is ``deep``; through no link."""
    found: list[Path] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                found.append(Path(entry.path))
            elif deep and entry.is_dir(follow_symlinks=False):
                found += _files(Path(entry.path), deep=False)
    return found
