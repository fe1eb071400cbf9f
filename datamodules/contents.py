"""Digests of recordings: a change of a file's bytes changes its digest, and unchanged files are not read again."""

import hashlib
import json
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datamodules.new_files import new_file

BLOCK = 1 << 20
LARGEST = 1 << 30  # bytes; what is larger is no recording that is read, and counts by its state
SETTLED_NS = 2_000_000_000  # a file changed less than this ago may change again within one tick of its clock


def digests(root: Path, paths: Sequence[str], memory: Path) -> list[str]:
    """A digest of each file's bytes; a file that cannot be read has one too, which changes when it is mended.

    The digests are kept with each file's device, inode, size and times of change. The time of the inode's change cannot
    be set back, so another content under an old time is noticed.

    Args:
        root: folder that ``paths`` are relative to.
        paths: files, ``/`` as separator.
        memory: file that keeps the digests; where it is damaged, missing or cannot be written, files are read again.
    """
    known = _remembered(memory)
    remembered: dict[str, list[Any]] = {}
    found = []
    for path in paths:
        file = os.path.join(root, path)
        try:
            state = _state(file)
            kept = known.get(path)
            if isinstance(kept, list) and kept[:-1] == state and isinstance(kept[-1], str):
                digest = kept[-1]
            else:
                digest = _digest(file, state)
            if time.time_ns() - max(state[3:]) > SETTLED_NS:
                remembered[path] = [*state, digest]
        except OSError as error:
            digest = f"unreadable: {error.errno}"
        found.append(digest)
    if remembered and remembered != known:
        _remember(memory, remembered)
    return found


def corpus_digests(root: Path, paths: Sequence[str], folder: Path, name: str) -> list[str]:
    """:func:`digests` of a corpus, remembered in ``folder`` under ``name`` and the place of ``root``."""
    place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    return digests(root, paths, folder / "contents" / f"{name}-{place}.json")


def _state(file: str) -> list[int]:
    found = os.stat(file)
    if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for its other end
        raise OSError(0, "no regular file")
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _digest(file: str, state: list[int]) -> str:
    if state[2] > LARGEST:
        return f"large: {state}"
    digest = hashlib.sha256()
    with open(file, "rb") as opened:
        while block := opened.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _remembered(memory: Path) -> dict[str, list[Any]]:
    try:
        stored = json.loads(memory.read_text(encoding="ascii"))
    except (OSError, ValueError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _remember(memory: Path, remembered: dict[str, list[Any]]) -> None:
    try:
        with new_file(memory) as temporary:
            temporary.write_text(json.dumps(remembered), encoding="ascii")
    except OSError:
        pass  # whoever writes features there says so; a folder that is only read needs nothing
