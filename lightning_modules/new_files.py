"""Files and folders that appear when they are complete, or not at all.

What is not complete yet is locked. A later command that writes to the same folder removes what a killed one left there.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning_modules.leavings import NAME_CHARACTERS, sweep
from lightning_modules.lock_files import drop, is_at, keep
from lightning_modules.locks import locked

_EXCLUSIVE = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)  # never through a link


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Make a temporary folder that is renamed to ``final`` on success and removed otherwise.

    If another process has made ``final`` in the meantime, that one stays and the temporary one is removed.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(final, "")
    with locked(temporary):
        temporary.mkdir()  # fails where the name exists; its mode follows the umask
        try:
            with _named(final):
                yield temporary
            try:
                os.rename(temporary, final)
            except OSError:
                if not final.is_dir():
                    raise
        finally:
            try:
                shutil.rmtree(temporary, ignore_errors=True)
            except BaseException:  # a signal while it is removed: without its lock, nobody could prove it a leaving
                shutil.rmtree(temporary, ignore_errors=True)
                raise


@contextmanager
def new_file(final: Path, sync: bool = False) -> Iterator[Path]:
    """Make a temporary file that is renamed to ``final`` on success and removed otherwise; the last writer wins.

    Its name cannot be guessed, so nobody can plant a link there; its mode follows the umask.

    Args:
        final: where the file will be.
        sync: whether its bytes must be on the disk before it takes the place of an earlier file, and the renaming too
            before this returns: a machine that loses power then keeps one of the two whole.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    sweep(final.parent)
    temporary, descriptor = _open_temporary(final)
    try:
        with _named(final):
            yield temporary
            if sync:
                _sync(temporary)
        os.replace(temporary, final)
        if sync:
            _sync(final.parent)
    finally:
        temporary.unlink(missing_ok=True)
        drop(descriptor)


def _temporary(final: Path, suffix: str) -> Path:
    return final.with_name(f".{final.name[:NAME_CHARACTERS]}.{secrets.token_hex(8)}{suffix[:NAME_CHARACTERS]}")


def _open_temporary(final: Path) -> tuple[Path, int]:
    """Make a temporary file that is locked, unless its file system has no locks, and still there."""
    while True:
        temporary = _temporary(final, final.suffix)
        descriptor = os.open(temporary, _EXCLUSIVE, 0o666)
        try:
            keep(descriptor)
        except BlockingIOError:  # another process that sweeps has taken it for a leaving
            os.close(descriptor)
            continue
        except OSError:
            os.close(descriptor)
            return temporary, -1
        if is_at(descriptor, temporary):
            return temporary, descriptor
        drop(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _named(final: Path) -> Iterator[None]:
    """Give an error of the disk the name of the file that was to be written, which that of a full one lacks."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(final)
        raise
