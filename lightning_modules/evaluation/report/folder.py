"""Makes the folder of a report, which appears whole or not at all and replaces nothing but a report."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datamodules.new_files import new_folder
from lightning_modules.errors import InputError

MARKER = ".scoretap-report"
_WRITTEN = {MARKER, "index.html", "page.css", "page.js", "blind.js", "audio", "spectrograms"}


def check_folder(final: Path) -> None:
    """Refuse a folder that holds something else than a report.

    Raises:
        InputError: it does, or it cannot be read or made.
    """
    try:
        taken = final.is_symlink() or (final.exists() and not final.is_dir())
        if taken or (final.is_dir() and any(final.iterdir()) and not (final / MARKER).is_file()):
            raise InputError(f"{str(final)!r} is there and no report of scoretap: choose another --output")
        final.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(final.parent, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise InputError(f"cannot write {str(final)!r} ({error.strerror}): choose another --output") from error


@contextmanager
def report_folder(final: Path) -> Iterator[Path]:
    """Open a temporary folder that takes the place of ``final`` on success and is removed otherwise.

    Files that an earlier report did not write, such as votes that a listener saved there, are kept.
    """
    old = None
    try:
        with new_folder(final) as temporary:
            yield temporary
            (temporary / MARKER).write_text("Written by `scoretap report`, which may replace this folder.\n")
            if final.is_dir():
                old = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
                for entry in final.iterdir():
                    if entry.name not in _WRITTEN:
                        _copy(entry, temporary / entry.name)
                os.rename(final, old / final.name)
    finally:
        if old is not None:
            if not final.exists() and (old / final.name).exists():
                os.rename(old / final.name, final)
            shutil.rmtree(old, ignore_errors=True)


def _copy(entry: Path, to: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.copytree(entry, to, symlinks=True)
    else:
        shutil.copy2(entry, to, follow_symlinks=False)
