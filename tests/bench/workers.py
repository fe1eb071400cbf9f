"""Child processes, for settings that a process reads when it starts, and for measuring its peak of memory."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import torch


@contextmanager
def worker(environment: Mapping[str, str | None] | None = None) -> Iterator[Callable[..., Any]]:
    """A function that runs another one, with its arguments, in one process that lasts as long as this context.

    Args:
        environment: variables to set for that process, or to take away where the value is None.
    """
    changes = dict(environment or {})
    before = {name: os.environ.get(name) for name in changes}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        _apply(changes)
        try:
            pool.submit(torch.set_num_threads, torch.get_num_threads()).result()  # starts it
        finally:
            _apply(before)
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


def _apply(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class MemoryMark:
    """Measures by how much the memory in use grows at most.

    Tensors on a GPU; else resident memory of this process, whose mark only a fresh process holds low.

    Args:
        device: of the tensors in question.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.before = float(torch.cuda.memory_allocated(device))
        else:
            with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
                file.write("5")  # forgets the peak of starting up
            self.before = _status("VmRSS")

    def growth(self) -> float:
        """Largest growth so far, 10^6 bytes."""
        on_gpu = self.device.type == "cuda"
        peak = torch.cuda.max_memory_allocated(self.device) if on_gpu else _status("VmHWM")
        return max(peak - self.before, 1.0) / 1e6


def _status(name: str) -> float:
    """A size in bytes as the kernel counts it; ``getrusage`` would start with the peak of the parent."""
    with open("/proc/self/status") as file:
        return next(float(line.split()[1]) * 1024 for line in file if line.startswith(name))
