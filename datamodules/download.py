"""Fetches files from the network, and unpacks the digits of a corpus archive."""

import hashlib
import http.client
import os
import stat
import tarfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tqdm import tqdm

from datamodules.corpus_layout import DIGITS, LISTS, SUFFIXES
from datamodules.new_files import new_folder
from lightning_modules.errors import InputError
from lightning_modules.locks import locked

BLOCK = 1 << 20
TIMEOUT = 60.0  # seconds without a byte
NOTES = (*LISTS.values(), "LICENSE", "README.md")


def fetch(url: str, target: Path, sha256: str, otherwise: str = "unpack it yourself and set root") -> None:
    """Download ``url`` to ``target``, which exists only once it is whole and has the right checksum.

    A download that was interrupted lies in ``<target>.part``; it is continued if the server allows it, else started
    over.

    Args:
        url: address of the file.
        target: path of the downloaded file.
        sha256: its checksum, hexadecimal.
        otherwise: what to do without the server, for the error message.

    Raises:
        InputError: the server cannot be reached, stops early, or sends something else than expected.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _continue_download(url, part)
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"cannot download {url} ({error}): check the network and run again, or {otherwise}") from error
    if (found := sha256_of(part)) != sha256:
        part.unlink()
        raise InputError(
            f"expected {url} with SHA-256 {sha256}, got {found}, which was deleted: run again, or {otherwise}"
        )
    part.replace(target)


def fetch_cached(url: str, target: Path, sha256: str, otherwise: str) -> None:
    """Fetch ``target`` unless it is there with the right checksum; of several processes one fetches, the others wait.

    Raises:
        InputError: as :func:`fetch`, or the folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target, wait=True):
            if not target.is_file() or sha256_of(target) != sha256:
                fetch(url, target, sha256, otherwise)
    except OSError as error:
        raise InputError(
            f"cannot keep {url} in {str(target.parent)!r} ({error.strerror}): set XDG_CACHE_HOME to a folder of yours, "
            f"or {otherwise}"
        ) from error


def _continue_download(url: str, part: Path) -> None:
    have = _have(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if have and error.code == 416:  # nothing is left to send; the checksum tells whether that is right
            return
        raise
    with response:
        if getattr(response, "status", None) != 206:
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with _open_part(part, have) as file:
            _copy(response, file, have, total, desc=part.stem)
            if total is not None and file.tell() != total:
                raise OSError(f"{file.tell()} of {total} bytes came")


def _open_part(part: Path, have: int) -> BinaryIO:
    """Open what came so far to append to it, or a new file; never through a link."""
    if not have:
        part.unlink(missing_ok=True)
    new = 0 if have else os.O_CREAT | os.O_EXCL
    return open(os.open(part, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | new, 0o666), "ab")


def _have(part: Path) -> int:
    """Number of bytes that came so far; 0 where something else has that name, such as a link."""
    try:
        found = os.lstat(part)
    except FileNotFoundError:
        return 0
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        return found.st_size
    part.unlink()
    return 0


def _copy(source: BinaryIO, target: BinaryIO, have: int, total: int | None, desc: str) -> None:
    with tqdm(desc=desc, initial=have, total=total, unit="B", unit_scale=True) as bar:
        while block := source.read(BLOCK):
            target.write(block)
            bar.update(len(block))


def unpack_digits(archive: Path, folder: Path) -> None:
    """Unpack the recordings of digits and the split lists of ``archive`` into the new ``folder``.

    Members are copied one by one under names made here, so that no path or link in the archive leads outside.

    Raises:
        InputError: the archive is damaged or there is no space; ``folder`` doesn't exist then.
    """
    try:
        with (
            new_folder(folder) as temporary,
            tarfile.open(archive) as tar,
            tqdm(desc=f"unpacking {archive.name}", unit="clip") as bar,
        ):
            for word in DIGITS:
                (temporary / word).mkdir()
            for member in tar:
                name = _file_name(member)
                source = tar.extractfile(member) if name else None
                if name and source:
                    (temporary / name).write_bytes(source.read())
                    bar.update()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise InputError(
            f"cannot unpack {archive} to {folder} ({error}): delete the archive if it is damaged, run again"
        ) from error


def _file_name(member: tarfile.TarInfo) -> str | None:
    """Name under which a member is unpacked; None if it is neither a digit nor a note."""
    parts = [part for part in PurePosixPath(member.name).parts if part != "."]
    if member.isfile() and len(parts) == 2 and parts[0] in DIGITS and parts[1].endswith(SUFFIXES):
        return "/".join(parts)
    return parts[0] if member.isfile() and len(parts) == 1 and parts[0] in NOTES else None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
