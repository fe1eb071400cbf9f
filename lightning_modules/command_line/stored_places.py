"""Folders that a checkpoint names: read where they are there, and never written to unless the command names them."""

from pathlib import Path
from typing import Any

from datamodules.corpus_layout import holds_digits

_ASKED_FOR = ("cache_dir", "download")  # only a command asks to write or to fetch
_READS_ONLY = "SpeechCommandsDataModule"  # says what it misses, and makes no corpus


def without_places(data: dict[str, Any]) -> None:
    """Remove from the stored settings of a data module the folders that using it would write to.

    Features go to the user's own cache then, and a corpus that is made or fetched to the default folder of its class.

    Args:
        data: ``class_path`` and ``init_args``; changed in place.
    """
    settings = data["init_args"]
    for name in _ASKED_FOR:
        settings.pop(name, None)
    if data["class_path"].rpartition(".")[2] != _READS_ONLY and "root" in settings and not _is_there(settings["root"]):
        del settings["root"]


def _is_there(root: Any) -> bool:
    """Whether a corpus lies in ``root``, or in a folder of it."""
    try:
        folder = Path(root).expanduser()
        return folder.is_dir() and any(holds_digits(one) for one in (folder, *folder.iterdir()) if one.is_dir())
    except (OSError, TypeError, ValueError, RuntimeError):
        return False
