"""Checkpoints on disk: written beside their target, synced and renamed; read only if no bit has changed."""

import errno
import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.fabric.utilities.cloud_io import _is_local_file_protocol
from lightning.pytorch import Trainer

from lightning_modules.errors import InputError
from lightning_modules.interruption import SignalError
from lightning_modules.new_files import new_file

_TRIED = 8  # checkpoints that are read to find the newest good one


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint that is whole on the disk before it takes the place of an earlier one.

    Lightning's own writes to TMPDIR and copies from there where that is another disk: a kill in between leaves half a
    checkpoint in the place of a good one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[str, dict[str, Any]] = {}

    def remember(self, path: Any, content: dict[str, Any]) -> None:
        """Let the next reading of ``path`` give ``content``, which was checked: the file may be another by then."""
        self._read[str(Path(path))] = content

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        if storage_options is not None or not _is_local_file_protocol(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        content = io.BytesIO()
        torch.save(checkpoint, content)  # to memory, as Lightning does: torch's own errors of a disk have no reason
        with new_file(Path(path), sync=True) as temporary:
            temporary.write_bytes(content.getbuffer())

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = None) -> dict[str, Any]:
        if (content := self._read.pop(str(Path(path)), None)) is not None:
            return content
        if not _is_local_file_protocol(path):
            return super().load_checkpoint(path, map_location, weights_only)
        return read_file(Path(path), map_location)


def write_whole_checkpoints(trainer: Trainer) -> None:
    """Let ``trainer`` write by :class:`WholeCheckpointIO`, unless a plug-in writes its checkpoints."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = WholeCheckpointIO()


def read_file(path: Path, map_location: Any = "cpu") -> Any:
    """Read what :func:`torch.save` wrote, without running code from it, after comparing its checksums.

    Raises:
        InputError: the file is missing or damaged; the message names the newest checkpoint beside it that is whole.
    """
    if not path.is_file():
        raise InputError(f"no checkpoint at {str(path)!r}: expected a .ckpt file written by scoretap fit")
    try:
        return _load(path, map_location)
    except Exception as error:  # bytes of anything else make the unpickler raise anything
        if isinstance(error, SignalError) or (isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)):
            raise  # a signal, or the disk, is at fault and not the file
        words = str(error).splitlines()
        reason = f"{type(error).__name__}: {words[0].partition('. ')[0]}" if words else type(error).__name__
        good = newest_whole(path.parent, path)
        advice = "use another copy" if good is None else f"the newest beside it that is whole is {str(good)!r}"
        raise InputError(
            f"cannot read checkpoint {str(path)!r}, it is damaged or no checkpoint ({reason}): {advice}"
        ) from error


def newest_whole(folder: Path, damaged: Path | None = None) -> Path | None:
    """Find the checkpoint in ``folder`` that is furthest in training among those that can be read; None without one."""
    paths = [path for path in folder.glob("*.ckpt") if path.name[0] != "." and path != damaged and path.is_file()]
    found: list[tuple[int, Path]] = []
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)[:_TRIED]:
        try:
            found.append((int(_load(path, "cpu")["global_step"]), path))
        except SignalError:
            raise
        except Exception:  # damaged too
            continue
    return max(found, key=lambda each: each[0])[1] if found else None


def _load(path: Path, map_location: Any) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if (name := archive.testzip()) is not None:
                raise ValueError(f"another checksum of {name}")
    return torch.load(path, map_location=map_location, weights_only=True)
