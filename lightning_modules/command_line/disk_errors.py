"""Errors of disks as one sentence: the path, the reason, and what to do."""

import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

FAILED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO}
ADVICE = {
    errno.ENOSPC: "free some space, or give a folder on another disk",
    errno.EDQUOT: "free some of your quota, or give a folder on another disk",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or give a folder elsewhere",
    errno.EROFS: "give a folder that can be written to",
    errno.EACCES: "change its permissions, or give another",
    errno.EPERM: "change its permissions, or give another",
    errno.ENOTDIR: "a part of it is a file: give a folder",
    errno.EEXIST: "something else has this name: give another",
    errno.EISDIR: "it is a folder: give a file",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ELOOP: "links lead in a circle: give another",
    errno.EPIPE: "its reader is gone",
}
_NAMES = ("path", "filepath", "file_path", "filename", "metrics_file_path", "hparams_file", "folder", "save_dir")


def disk_sentence(error: OSError) -> str:
    """Say what could not be used, why, and what to do about it."""
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    paths = [os.fsdecode(path) for path in (error.filename, error.filename2) if isinstance(path, str | bytes | Path)]
    place = paths[0] if paths else _place(error)
    advice = ADVICE.get(error.errno or 0, "check that it is there and that its disk works")
    return f"cannot use {place!r}: {reason}: {advice}" if place else f"{reason}: {advice}"


def is_of_the_disk(error: BaseException) -> bool:
    """Whether bad input is not to blame: ``error`` came from a disk that is full, gone or read-only."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in FAILED:
            return True
        cause = cause.__cause__
    return False


def _place(error: OSError) -> str:
    """Find the file that an error without a name is about: the one that the code at fault had in hand."""
    frames = list(_frames(error))
    for frame in reversed(frames):
        variables = frame.f_locals
        for value in list(variables.values()):
            name = getattr(value, "name", None) if isinstance(value, io.IOBase) else None
            if isinstance(name, str) and not name.startswith("<"):
                return name
        holders = (variables, getattr(variables.get("self"), "__dict__", {}))
        for holder in holders:
            for name in _NAMES:
                if isinstance(value := holder.get(name), str | Path) and str(value):
                    return str(value)
    return ""


def _frames(error: OSError) -> Iterator[FrameType]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next
