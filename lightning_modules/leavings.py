"""Removes what killed processes left unfinished, where their locks prove that they are dead."""

import contextlib
import os
import re
import shutil
import socket
import time
from pathlib import Path

from lightning_modules.lock_files import ENDING, drop, is_at, keep, read_holder

NAME_CHARACTERS = 50  # of a file's name that its temporary one keeps
DAY = 86400.0  # seconds
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{16}(\.[^./]+|)", re.DOTALL)
_SHARED = {"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "9p", "virtiofs", "afs"}
_swept: set[str] = set()


def sweep(folder: str | Path) -> None:
    """Remove from ``folder`` the unfinished files, folders and locks of processes that are dead; once in a command.

    A process locks what it has not finished, and the kernel drops the locks of a dead one. On a file system that
    several machines share, locks may not reach from one to the other: there, files count as left after a day, and
    folders and locks where this machine made them.
    """
    place = os.path.realpath(folder)
    if place in _swept:
        return
    _swept.add(place)
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        found = [entry for entry in entries if entry.name.startswith(".") and entry.is_file(follow_symlinks=False)]
        for entry in found:
            if entry.name.endswith(ENDING) or _is_temporary_file(entry.name):
                _remove_if_dead(Path(entry.path))


def forget_swept() -> None:
    """Let :func:`sweep` look into every folder again: another command begins."""
    _swept.clear()


def _is_temporary_file(name: str) -> bool:
    """Whether ``name`` is one of :func:`~lightning_modules.new_files.new_file`, such as ``.x.npy.<16 digits>.npy``."""
    match = _TEMPORARY.fullmatch(name)
    return match is not None and match[2] != "" and (match[1].endswith(match[2]) or len(match[1]) == NAME_CHARACTERS)


def _remove_if_dead(path: Path) -> None:
    with contextlib.suppress(OSError):
        writable = os.access(path, os.W_OK)
        flags = (os.O_RDWR if writable else os.O_RDONLY) | getattr(os, "O_NOFOLLOW", 0) | os.O_NONBLOCK
        descriptor = os.open(path, flags)
        try:
            keep(descriptor)
        except OSError:  # it is alive, or there are no locks to tell
            os.close(descriptor)
            return
        try:
            if is_at(descriptor, path) and (not _is_shared(path) or _is_old(descriptor, path)):
                _remove(path)
        finally:
            drop(descriptor)


def _remove(path: Path) -> None:
    """Remove a file, after the unfinished folder that it locks."""
    name = path.name.removesuffix(ENDING)
    folder = path.with_name(name[1:])
    if name != path.name and _TEMPORARY.fullmatch(folder.name) and folder.is_dir():
        shutil.rmtree(folder)  # refuses a link
    path.unlink()


def _is_old(descriptor: int, path: Path) -> bool:
    if not path.name.endswith(ENDING):
        return time.time() - os.fstat(descriptor).st_mtime > DAY
    holder = read_holder(descriptor)
    return holder is not None and holder.host == socket.gethostname()


def _is_shared(path: Path) -> bool:
    """Whether ``path`` lies on a file system that other machines may write to as well."""
    place, kind, longest = str(path.parent), "", -1
    with contextlib.suppress(OSError), open("/proc/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            _, mount, name, *_ = line.split(" ")
            mount = mount.replace("\\040", " ").rstrip("/")
            if (place == mount or place.startswith(f"{mount}/")) and len(mount) >= longest:
                longest, kind = len(mount), name
    return kind in _SHARED or kind.startswith("fuse.")
