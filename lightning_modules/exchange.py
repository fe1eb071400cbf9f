"""Lets two paths change places in one step, which Python's own renaming cannot."""

import ctypes
import errno
import os
from pathlib import Path

_AT_FDCWD = -100  # paths are relative to the working folder; linux/fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h
_IMPOSSIBLE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EPERM}


def exchange(one: Path, other: Path) -> bool:
    """Let two paths of one file system change places: at any moment each name holds one of the two.

    See ``man 2 renameat2``; network file systems mostly cannot do it.

    Returns:
        Whether they have changed places; False where this system cannot do it.

    Raises:
        OSError: it can, but these paths cannot be renamed.
    """
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # not Linux, or an old C library
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _IMPOSSIBLE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))
