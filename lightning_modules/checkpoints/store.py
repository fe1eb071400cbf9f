"""From a name to weights: found or fetched, checked, and read as a checkpoint of `scoretap fit` would be."""

import copy
import hashlib
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from datamodules.download import fetch_once
from datamodules.feature_cache import default_cache_dir
from datamodules.new_files import new_file
from lightning_modules.checkpoints.catalogue import WEIGHTS, find_entry, names, read_entry
from lightning_modules.errors import InputError


def named_weights(name: str) -> Path:
    """File of weights of the shipped model ``name``, its JSON file beside it; fetched if it lies elsewhere.

    Raises:
        InputError: there is no such model, or its weights cannot be had.
    """
    entry = find_entry(name)
    path = entry.path.with_suffix(WEIGHTS)
    if path.is_file() or entry.facts.url is None:
        return path  # a missing file is named by read_weights
    path = default_cache_dir() / "weights" / entry.sha256[:16] / f"{name}{WEIGHTS}"
    otherwise = f"put a copy of the file at {str(path)!r}"
    fetch_once(entry.facts.url, path, entry.sha256, otherwise)
    with new_file(path.with_suffix(".json")) as copied:
        copied.write_bytes(entry.path.read_bytes())
    return path


def read_weights(path: Path) -> dict[str, Any]:
    """A checkpoint of weights alone: no optimiser, no loops. The checksum is compared before a tensor is read.

    Rounded tensors come back as float32; the fingerprints that the checkpoint holds are those of the tensors that come.

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
    from safetensors.torch import load

    tensors = {name: restored(tensor) for name, tensor in load(content).items()}
    return {**copy.deepcopy(entry.checkpoint), "state_dict": tensors}


class WeightsIO(TorchCheckpointIO):
    """Lets a Trainer evaluate what `scoretap export` wrote, which holds no state of a training."""

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return read_weights(Path(path))


def restored(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor as models keep it: fp16 is how it was stored, float32 what it is."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor
