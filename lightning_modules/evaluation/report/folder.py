"""Makes the folder of a report, which appears whole or not at all and replaces nothing but a report."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datamodules.new_files import new_folder
from lightning_modules.errors import InputError
from lightning_modules.exchange import exchange

MARKER = ".scoretap-report"
_EARLIER = ".earlier-report"  # ends the name of a report that makes room where names cannot be exchanged
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

    Files that an earlier report did not write, such as votes that a listener saved there, are kept. A process that is
    killed at any moment leaves the earlier report or the new one, with those files.
    """
    put_back(final)
    with new_folder(final) as temporary:
        yield temporary
        (temporary / MARKER).write_text("Written by `scoretap report`, which may replace this folder.\n")
        if final.is_dir():
            _copy_votes(final, temporary)
            _change_places(final, temporary)


def put_back(final: Path) -> None:
    """Give an earlier report its name again where a killed process has left it under another, or remove it."""
    for earlier in sorted(final.parent.glob(f".{_escaped(final.name)}.*{_EARLIER}")):
        if earlier.is_symlink() or not (earlier / MARKER).is_file():
            with contextlib.suppress(OSError):
                earlier.rmdir()  # killed at the end of removing it; refuses one that holds anything, or a link
        elif final.exists():
            _remove_report(earlier)  # the new one holds its votes
        else:
            os.rename(earlier, final)


def _change_places(final: Path, temporary: Path) -> None:
    """Let the new report have the name of the earlier one, which is then the temporary one and is removed."""
    if exchange(temporary, final):
        return
    earlier = final.with_name(f".{final.name[:50]}.{secrets.token_hex(8)}{_EARLIER}")
    os.rename(final, earlier)
    try:
        os.rename(temporary, final)
    except BaseException:
        os.rename(earlier, final)
        raise
    _remove_report(earlier)


def _remove_report(folder: Path) -> None:
    """Remove a folder; what proves that it is a report goes last."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != MARKER:
            entry.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _copy_votes(final: Path, to: Path) -> None:
    for entry in final.iterdir():
        if entry.name in _WRITTEN:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, to / entry.name, symlinks=True)
        else:
            shutil.copy2(entry, to / entry.name, follow_symlinks=False)


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name[:50])
