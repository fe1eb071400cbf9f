"""Checks a recording before its samples are read: what the file is, what its header promises, whether it is whole."""

import errno
import os
import stat
from pathlib import Path

import soundfile as sf

from datamodules.corpus_names import shown
from lightning_modules.errors import InputError

MEND = "replace or delete the file"
LOWEST_RATE, HIGHEST_RATE = 1_000, 384_000  # Hz
LONGEST_SECONDS = 600
MOST_VALUES = 1 << 26  # samples of all channels: 256 MB as float32
STREAMED = 0x7FFFF000  # sizes from here on stand for "unknown" in a WAV that was written into a pipe
MOST_CHUNKS = 1_000
_LINKS = {errno.ENOENT: "a link that leads to no file", errno.ELOOP: "a link in a circle"}


class BadRecordingError(InputError):
    """A recording that cannot be used; they are counted by ``reason``, whose words are the same for all of a kind."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def check_file(path: Path) -> None:
    """Refuse what is no file with something in it, and a WAV whose samples end before its header says.

    Raises:
        BadRecordingError: says what was found.
    """
    if shown(path) != str(path):
        raise BadRecordingError(
            "a name that is no UTF-8", f"expected a name in UTF-8, got {shown(path)}: rename or delete the file"
        )
    try:
        found = os.stat(path)
    except OSError as error:
        reason = _LINKS.get(error.errno or 0, "unreadable") if os.path.islink(path) else "missing or unreadable"
        raise _no_recording(path, reason, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise _no_recording(path, "no regular file")
    if found.st_size == 0:
        raise _no_recording(path, "empty")
    _check_riff_sizes(path, found.st_size)


def check_header(path: Path, file: sf.SoundFile) -> None:
    """Refuse a header that promises what no recording of speech has, before memory is asked for.

    Raises:
        BadRecordingError: names the rate, the length or the encoding.
    """
    rate, frames, channels = file.samplerate, file.frames, file.channels
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise BadRecordingError(
            "an absurd sample rate",
            f"expected {LOWEST_RATE} to {HIGHEST_RATE} samples per second in {path}, its header says {rate}: {MEND}",
        )
    if frames > LONGEST_SECONDS * rate or frames * channels > MOST_VALUES:
        raise BadRecordingError(
            "an absurd length",
            f"expected at most {LONGEST_SECONDS} s and {MOST_VALUES} samples in {path}, its header promises {frames} "
            f"of {channels} channels at {rate} Hz: cut it, or {MEND}",
        )
    if not file.seekable():
        raise BadRecordingError(
            "an encoding that is not read",
            f"expected PCM or floats, but {path} is encoded as {file.subtype_info}: convert it to 16-bit PCM, "
            f"or {MEND}",
        )


def cut_short(path: Path, expected: int, found: int, what: str) -> BadRecordingError:
    """The error for a file that ends before its header says."""
    return BadRecordingError(
        "cut short", f"expected {expected} {what} in {path}, found {found}, it is truncated: {MEND}"
    )


def _no_recording(path: Path, reason: str, error: OSError | None = None) -> BadRecordingError:
    cause = "" if error is None else f" ({error})"
    return BadRecordingError(reason, f"expected a recording, but {path} is {reason}{cause}: {MEND}")


def _check_riff_sizes(path: Path, size: int) -> None:
    """Refuse a WAV that ends before its data chunk does (libsndfile would shorten it silently)."""
    try:
        file = open(path, "rb")  # noqa: SIM115  closed below; only errors of opening are caught
    except OSError as error:
        raise _no_recording(path, "missing or unreadable", error) from error
    with file:
        header = file.read(12)
        if header[:4] not in (b"RIFF", b"RIFX") or header[8:] != b"WAVE":
            return
        order = "little" if header[:4] == b"RIFF" else "big"
        for _ in range(MOST_CHUNKS):
            chunk = file.read(8)
            if len(chunk) < 8:
                break
            length = int.from_bytes(chunk[4:], order)
            if chunk[:4] == b"data":
                present = size - file.tell()
                if present < length < STREAMED:
                    raise cut_short(path, length, present, "bytes of audio")
                return
            file.seek(length + length % 2, os.SEEK_CUR)  # chunks are padded to even lengths
    raise BadRecordingError("cut short", f"expected audio in {path}, but it has no data chunk, it is truncated: {MEND}")
