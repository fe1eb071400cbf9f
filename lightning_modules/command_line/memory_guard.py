"""Refuses a model that this machine has no memory for, before its weights are made."""

import copy
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_modules.errors import InputError

_OWN = "lightning_modules."
TRAINING = 4  # times the weights: they, their gradients and two moments of the optimiser
_CGROUP = Path("/sys/fs/cgroup/memory.max")  # what a container may take
_SIZES = {  # operators that make a tensor, and which of their arguments is its size
    "aten::empty.memory_format": 0,
    "aten::empty_strided": 0,
    "aten::zeros": 0,
    "aten::ones": 0,
    "aten::full": 0,
    "aten::rand": 0,
    "aten::randn": 0,
    "aten::new_empty": 1,
    "aten::new_zeros": 1,
    "aten::new_ones": 1,
    "aten::new_full": 1,
}


class MemoryGuard(TorchDispatchMode):
    """Adds up what tensors are made within it, and raises before one is made that would be too much.

    Args:
        limit: bytes that the tensors may take altogether.
        times: how often the tensors are held while the command runs, for the sentence.

    Raises:
        InputError: says how many numbers there would be, what they need and what there is.
    """

    def __init__(self, limit: float, times: int = 1) -> None:
        super().__init__()
        self.limit, self.times = limit, times
        self.values = self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        place = _SIZES.get(func.name().removesuffix(".default"))
        if place is not None and len(args) > place:
            count = math.prod(args[place])
            dtype = kwargs.get("dtype") or (args[0].dtype if place else torch.get_default_dtype())
            self.values += count
            self.bytes += count * dtype.itemsize
            if self.bytes * self.times > self.limit:
                raise InputError(
                    f"the model would have more than {self.values / 1e6:,.0f} million numbers and need "
                    f"{self.bytes * self.times / 1e9:,.0f} GB to run, this machine has {self.limit / 1e9:,.0f} GB: "
                    "choose smaller sizes"
                )
        return func(*args, **kwargs)


def guard(training: bool) -> MemoryGuard:
    """Make a guard for this machine's memory.

    Args:
        training: whether the model will be trained; on a machine without GPU that takes several times its weights.
    """
    on_cpu = training and not torch.cuda.is_available()
    return MemoryGuard(machine_memory(), TRAINING if on_cpu else 1)


def check_network(description: Any, training: bool) -> None:
    """Build a network of scoretap's without weights, and refuse it where its weights would not fit.

    Networks that hold classes of a user's own, which may read files, are left to :func:`guard`.

    Args:
        description: ``class_path`` and ``init_args`` as the parser gives them; anything else is passed over.
        training: as for :func:`guard`.

    Raises:
        InputError: as :class:`MemoryGuard`, or from the network's constructor.
    """
    if not isinstance(description, dict) or not all(path.startswith(_OWN) for path in _class_paths(description)):
        return
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(nn.Module, "network")
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), guard(training):
            parser.instantiate_classes(parser.parse_object({"network": copy.deepcopy(description)}))
    except InputError:
        raise
    except Exception:  # some constructors compute with values; what is wrong with them shows when they are built
        return


def _class_paths(description: Any) -> Iterator[str]:
    if isinstance(description, dict):
        if "class_path" in description:
            yield str(description["class_path"])
        for value in description.values():
            yield from _class_paths(value)
    elif isinstance(description, list | tuple):
        for value in description:
            yield from _class_paths(value)


def machine_memory() -> float:
    """Bytes of memory that this machine, or this container, has."""
    memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        return min(memory, float(_CGROUP.read_text()))
    except (OSError, ValueError):  # no container, or one without bounds: "max"
        return memory
