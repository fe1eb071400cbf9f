"""Locks on what a command writes: a second command is told which process is at work there; a dead one holds nothing."""

import atexit
import contextlib
import errno
import os
import shlex
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lightning_modules.errors import InputError
from lightning_modules.leavings import forget_swept, sweep
from lightning_modules.lock_files import drop, is_at, keep, lock_file, open_lock_file, read_holder, write_holder

ELSEWHERE = "give another place"
_held: dict[str, tuple[Path, int]] = {}  # lock file and descriptor by the place that is locked
_commands: list[str] = []


def hold(path: str | Path, wait: bool = False, otherwise: str = ELSEWHERE) -> bool:
    """Lock ``path`` until :func:`release`, or until the block of :func:`releasing` ends.

    Where locks cannot be had, on a read-only disk or a file system without them, nothing is locked: what cannot be
    written says so itself. What killed commands left beside ``path`` is removed.

    Args:
        path: file or folder that is going to be written; it need not exist.
        wait: whether to wait while another process holds it, with a sentence on standard error, instead of refusing.
        otherwise: what a user can do instead of waiting, for the sentence.

    Returns:
        Whether the lock was taken now: not where this process holds it already.

    Raises:
        InputError: another process holds it, or its lock file is a link.
    """
    place = os.path.realpath(path)
    if place in _held:
        return False
    file = lock_file(path)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
    sweep(file.parent)
    while (descriptor := _take(file, path, wait, otherwise)) is not None:
        if is_at(descriptor, file):
            write_holder(descriptor, current_command())
            _held[place] = (file, descriptor)
            return True
        drop(descriptor)  # its last holder has removed it
    return False


def release(path: str | Path) -> None:
    """Give the lock of ``path`` back, if this process holds it, and remove its file."""
    file, descriptor = _held.pop(os.path.realpath(path), (None, -1))
    if file is not None:
        with contextlib.suppress(OSError):
            if is_at(descriptor, file):
                file.unlink()  # while it is locked: whoever waits for it looks whether it is still there
        drop(descriptor)


@contextmanager
def locked(path: str | Path, wait: bool = False, otherwise: str = ELSEWHERE) -> Iterator[None]:
    """Hold the lock of ``path`` inside the block; see :func:`hold`."""
    taken = hold(path, wait, otherwise)
    try:
        yield
    finally:
        if taken:
            release(path)


@contextmanager
def releasing(command: Sequence[str] = ()) -> Iterator[None]:
    """Release at the end of the block all locks that were taken in it.

    Args:
        command: name and arguments of what runs in the block, which others are told; by default those of the block
            around it.
    """
    before = set(_held)
    _commands.append(shlex.join(["scoretap", *command]) if command else current_command())
    if command:
        forget_swept()
    try:
        yield
    finally:
        _commands.pop()
        for place in set(_held) - before:
            release(place)


def current_command() -> str:
    """What this process runs, as its user typed it."""
    return _commands[-1] if _commands else shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _take(file: Path, path: str | Path, wait: bool, otherwise: str) -> int | None:
    """Open and lock the file; None where that cannot be done at all."""
    try:
        descriptor = open_lock_file(file)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError(f"expected a lock of scoretap at {str(file)!r}, found a link: remove it") from error
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise InputError(f"expected a lock of scoretap at {str(file)!r}, found something else: remove it")
        if not _keep_soon(descriptor):
            who = read_holder(descriptor) or "another process"
            if not wait:
                sentence = f"{str(path)!r} is being written by {who}: wait until it ends, or {otherwise}"
                raise InputError(sentence)
            print(f"scoretap: waiting for {str(path)!r}, which is being made by {who}", file=sys.stderr, flush=True)
            keep(descriptor, wait=True)  # a signal ends it
        return descriptor
    except OSError:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            file.unlink()  # a file system without locks
        return None
    except BaseException:
        os.close(descriptor)
        raise


def _keep_soon(descriptor: int) -> bool:
    """Lock an open file, also where another command that looks for leavings has it for a moment."""
    for _ in range(10):
        with contextlib.suppress(BlockingIOError):
            keep(descriptor)
            return True
        time.sleep(0.02)
    return False


def _release_all() -> None:
    for place in list(_held):
        release(place)


def _forget() -> None:
    _held.clear()


os.register_at_fork(after_in_child=_forget)
atexit.register(_release_all)
