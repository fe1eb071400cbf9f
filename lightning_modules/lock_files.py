"""Small files that the kernel locks for a process (``flock``), and that name the process.

The kernel drops a lock with its process, however that ends. Lock files of a library such as filelock do not promise to
keep what is written in them, so they cannot name their holder.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import time
from pathlib import Path
from typing import NamedTuple

ENDING = ".scoretap-lock"
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | os.O_CLOEXEC | os.O_NONBLOCK
_LONGEST = 200  # bytes of a name, of the 255 that a file system allows
_open: set[int] = set()  # descriptors that hold a lock


class Holder(NamedTuple):
    """The process that holds a lock.

    Attributes:
        pid: its number on its host.
        host: name of its machine.
        command: what it runs.
        since: when it took the lock, local time.
    """

    pid: int
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.command}), since {self.since}"


def lock_file(path: str | Path) -> Path:
    """Name the file that locks ``path``: beside it, or in it where its folder cannot be written."""
    place = Path(os.path.realpath(path))
    if not place.name or (place.is_dir() and not os.access(place.parent, os.W_OK)):
        return place / ENDING
    name, encoded = place.name, os.fsencode(place.name)
    if len(encoded) > _LONGEST:
        name = hashlib.sha256(encoded).hexdigest()
    return place.with_name(f".{name}{ENDING}")


def open_lock_file(file: Path) -> int:
    """Open a lock file, made if it is missing, never through a link; returns its descriptor."""
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | _FLAGS, 0o666)
    except PermissionError:  # another user's: reading is enough to lock it
        return os.open(file, os.O_RDONLY | _FLAGS)


def keep(descriptor: int, wait: bool = False) -> None:
    """Lock an open file until :func:`drop`.

    Raises:
        BlockingIOError: another process has it, and ``wait`` is not set.
        OSError: its file system has no locks.
    """
    fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    _open.add(descriptor)


def drop(descriptor: int) -> None:
    """Close an open file, and with it its lock; nothing in a process that was forked from the one that locked it."""
    if descriptor in _open:
        _open.discard(descriptor)
        os.close(descriptor)


def is_at(descriptor: int, file: Path) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file, follow_symlinks=False))
    except FileNotFoundError:
        return False


def read_holder(descriptor: int) -> Holder | None:
    """Read who holds, or held, the lock of an open lock file; None where that was not written."""
    for _ in range(10):  # it may be writing this moment
        with contextlib.suppress(ValueError, TypeError, KeyError, OSError):
            stored = json.loads(os.pread(descriptor, 4096, 0))
            words = ["".join(c if c.isprintable() else "?" for c in str(stored[name])) for name in Holder._fields[1:]]
            return Holder(int(stored["pid"]), *words)
        time.sleep(0.02)
    return None


def write_holder(descriptor: int, command: str) -> None:
    """Write that this process holds the lock; on a full disk, or in another user's file, the lock stays unnamed."""
    short = command if len(command) <= 200 else f"{command[:199]}…"
    holder = Holder(os.getpid(), socket.gethostname(), short, time.strftime("%Y-%m-%d %H:%M:%S"))
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder._asdict()).encode(), 0)


def _forget() -> None:
    """Let a forked process hold nothing: its parent's locks must end with the parent."""
    for descriptor in _open:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _open.clear()


os.register_at_fork(after_in_child=_forget)
