"""Checkpoints and shipped models: found by path or name, read without running code, checked, rebuilt and exported."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Names of :mod:`.reading`, which needs torch and is imported on first use."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.reading"), name)
