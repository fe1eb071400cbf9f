"""Checkpoints and shipped models: where they are, how they are read, checked and exported."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Give the names of :mod:`.reading`, which is imported on first use because it needs torch."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.reading"), name)
