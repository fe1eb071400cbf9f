"""Caches what takes long to compute of real speech: one file for each key, computed again where it is damaged."""

import contextlib
import hashlib
import io
import json
import os
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from datamodules.contents import corpus_digests
from datamodules.corpus_layout import Clip
from datamodules.feature_cache import default_cache_dir
from datamodules.new_files import new_file
from lightning_modules.errors import InputError
from lightning_modules.locks import locked

DIGEST_BYTES = 32  # SHA-256 of what follows it in a file
T = TypeVar("T")


def compute_once(
    cache_dir: Path | None,
    identity: dict[str, Any],
    root: Path,
    clips: Mapping[Any, Sequence[Clip]],
    compute: Callable[[], dict[str, Any]],
    unpack: Callable[[dict[str, Any]], T],
) -> T:
    """Read what was computed of clips, or compute and store it; of several commands one computes, the others wait.

    Args:
        cache_dir: where the files are; a folder of the user's cache by default.
        identity: plain values that the result depends on, beside the clips.
        root: folder that the paths of clips are relative to.
        clips: of each split; a recording counts by its path and its bytes.
        compute: makes tensors and plain values by name.
        unpack: makes the result of them; KeyError and TypeError mean that they are something else.

    Raises:
        InputError: the folder cannot be written.
    """
    path = (cache_dir or default_cache_dir() / "references") / f"{_key(identity, root, clips)}.pt"
    result = _read(path, unpack) if path.exists() else None
    if result is not None:
        return result
    state = _state(path)
    with locked(path, wait=True):
        result = _read(path, unpack) if _state(path) != state else None  # another command has just computed it
        if result is None:
            stored = compute()
            _write(path, stored)
            result = unpack(stored)
    return result


def _state(path: Path) -> tuple[int, int] | None:
    """Tell one file at ``path`` from the next; None where there is none."""
    try:
        found = path.stat()
        return found.st_ino, found.st_mtime_ns
    except OSError:
        return None


def _key(identity: dict[str, Any], root: Path, clips: Mapping[Any, Sequence[Clip]]) -> str:
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    for split in sorted(clips):
        paths = [clip.path for clip in clips[split]]
        contents = corpus_digests(root, paths, default_cache_dir(), f"reference-{split}")
        for path, content in zip(paths, contents, strict=True):
            digest.update(f"\n{split}\0".encode() + os.fsencode(path) + b"\0" + content.encode())
    return digest.hexdigest()[:32]


def _write(path: Path, stored: dict[str, Any]) -> None:
    content = io.BytesIO()
    torch.save(stored, content)
    try:
        with new_file(path) as temporary, open(temporary, "wb") as file:
            file.write(hashlib.sha256(content.getbuffer()).digest())  # torch.load does not notice a changed byte
            file.write(content.getbuffer())
    except OSError as error:
        raise InputError(
            f"cannot keep the reference in {str(path.parent)!r} ({error}): set cache_dir to a folder with space"
        ) from error


def _read(path: Path, unpack: Callable[[dict[str, Any]], T]) -> T | None:
    """Read what :func:`_write` wrote; None where it is damaged."""
    try:
        content = memoryview(path.read_bytes())
        if hashlib.sha256(content[DIGEST_BYTES:]).digest() != content[:DIGEST_BYTES]:
            raise EOFError("another digest")
        with contextlib.suppress(OSError):  # a cache that can only be read
            os.utime(path)  # when it was last used, for `scoretap clean`
        return unpack(torch.load(io.BytesIO(content[DIGEST_BYTES:]), map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError):
        warnings.warn(f"cached reference {path} is damaged: computing it again", stacklevel=4)
        return None
