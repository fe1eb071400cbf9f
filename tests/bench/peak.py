"""The highest speed of the machine in matrix products and convolutions, measured in turn with the networks."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from bench.settings import Settings
from bench.timing import Timing

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
Kernel = tuple[str, str]  # precision, and mm or conv
Ceiling = dict[Kernel, float | None]  # GFLOP/s; None where a kernel does not run


def peak_kernels(settings: Settings) -> tuple[dict[Kernel, Callable[[], Any]], dict[Kernel, float]]:
    """The kernels by name, and the floating-point operations of one call of each."""
    on_gpu = settings.device.type == "cuda"
    side = 64 if settings.tiny else (8192 if on_gpu else 1024)
    channels, batch = (8, 1) if settings.tiny else ((256, 64) if on_gpu else (256, 1))
    kernels: dict[Kernel, Callable[[], Any]] = {}
    flops: dict[Kernel, float] = {}
    for name, dtype in DTYPES.items():
        a, b = (torch.randn(side, side, device=settings.device, dtype=dtype) for _ in range(2))
        x = torch.randn(batch, channels, 64, 64, device=settings.device, dtype=dtype)
        w = torch.randn(channels, channels, 3, 3, device=settings.device, dtype=dtype)
        x, w = (part.contiguous(memory_format=torch.channels_last) for part in (x, w))
        kernels[name, "mm"] = lambda a=a, b=b: torch.mm(a, b)
        kernels[name, "conv"] = lambda x=x, w=w: F.conv2d(x, w, padding=1)
        flops[name, "mm"] = 2.0 * side**3
        flops[name, "conv"] = 2.0 * batch * channels**2 * 9 * 64**2
    return kernels, flops


def measured_peak(timings: Mapping[Any, Timing], flops: Mapping[Kernel, float]) -> Ceiling:
    """GFLOP/s of each kernel's best round among ``timings``."""
    best = {kernel: timings[kernel].best for kernel in flops}
    return {kernel: flops[kernel] / seconds / 1e9 if seconds else None for kernel, seconds in best.items()}


def ceiling(peak: Ceiling, precision: str) -> float:
    """GFLOP/s of the faster kernel of one precision; NaN if neither runs."""
    return max((value for kernel, value in peak.items() if kernel[0] == precision and value), default=float("nan"))
