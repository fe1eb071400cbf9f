"""Weights of shipped models: finds or fetches them by name, checks them and reads them like a checkpoint."""

import copy
import hashlib
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from datamodules.download import fetch_cached
from datamodules.feature_cache import default_cache_dir
from datamodules.new_files import new_file
from lightning_modules.checkpoints.catalogue import WEIGHTS, find_entry, names, read_entry
from lightning_modules.errors import InputError


def named_weights(name: str) -> Path:
    """The file of weights of the shipped model ``name``, fetched if need be; its JSON file lies beside it.

    Raises:
        InputError: there is no such model, or its weights cannot be had.
    """
    entry = find_entry(name)
    path = entry.path.with_suffix(WEIGHTS)
    if path.is_file() or entry.facts.url is None:
        return path  # a missing file is named by read_weights
    path = default_cache_dir() / "weights" / entry.sha256[:16] / f"{name}{WEIGHTS}"
    otherwise = f"put a copy of the file at {str(path)!r}"
    fetch_cached(entry.facts.url, path, entry.sha256, otherwise)
    with new_file(path.with_suffix(".json")) as copied:
        copied.write_bytes(entry.path.read_bytes())
    return path


def read_weights(path: Path) -> dict[str, Any]:
    """Exported weights as the content of a checkpoint, without optimiser and loops.

    The checksum is compared before a tensor is read. Rounded tensors are returned as float32; the fingerprints in the
    checkpoint are those of these tensors.

    Raises:
        InputError: a file is missing, cut short or altered.
    """
    if not path.is_file():
        named = f", or {path.stem!r} without ending, the name of a shipped model" if path.stem in names() else ""
        raise InputError(f"no weights at {str(path)!r}: expected both files of scoretap export{named}")
    entry = read_entry(path.with_suffix(".json"))
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != entry.sha256:
        raise InputError(
            f"expected {str(path)!r} with {entry.bytes} bytes and SHA-256 {entry.sha256}, got {len(content)} bytes and "
            f"{found}: it was cut short or altered, use another copy"
        )
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = {name: restored(tensor) for name, tensor in load(content).items()}
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, RecursionError) as error:
        raise InputError(
            f"cannot read {str(path)!r}, it is damaged or no weights ({type(error).__name__}): use another copy"
        ) from error
    return {**copy.deepcopy(entry.checkpoint), "state_dict": tensors}


class WeightsIO(TorchCheckpointIO):
    """Lets a Trainer evaluate what `scoretap export` wrote, which holds no state of a training."""

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return read_weights(Path(path))


def restored(tensor: torch.Tensor) -> torch.Tensor:
    """A stored tensor as models need it: float32 instead of fp16."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor
