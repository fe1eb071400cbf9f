"""Files and folders that appear when they are complete, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """A temporary folder that is renamed to ``final`` on success and removed otherwise.

    If another process has made ``final`` in the meantime, that one stays and the temporary one is removed.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        temporary.chmod(0o755)  # mkdtemp keeps other users of a shared machine out
        yield temporary
        try:
            os.rename(temporary, final)
        except OSError:
            if not final.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def new_file(final: Path) -> Iterator[Path]:
    """A temporary file name that is renamed to ``final`` on success and removed otherwise; the last writer wins."""
    final.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=final.suffix, dir=final.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        temporary.chmod(0o644)
        yield temporary
        os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)
