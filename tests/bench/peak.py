"""The machine's ceiling, measured in the same run: matrix products and convolutions."""

import torch
import torch.nn.functional as F

from bench.settings import Settings
from bench.timing import interleave

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def measured_peak(settings: Settings) -> dict[str, dict[str, float | None]]:
    """GFLOP/s of the best round by kernel, ``mm`` and ``conv``, within each precision; None where it does not run."""
    on_gpu = settings.device.type == "cuda"
    side = 64 if settings.tiny else (8192 if on_gpu else 1024)
    channels, batch = (8, 1) if settings.tiny else ((256, 64) if on_gpu else (256, 1))
    flops, kernels = {}, {}
    for name, dtype in DTYPES.items():
        a, b = (torch.randn(side, side, device=settings.device, dtype=dtype) for _ in range(2))
        x = torch.randn(batch, channels, 64, 64, device=settings.device, dtype=dtype)
        w = torch.randn(channels, channels, 3, 3, device=settings.device, dtype=dtype)
        x, w = (part.contiguous(memory_format=torch.channels_last) for part in (x, w))
        kernels[name, "mm"] = lambda a=a, b=b: torch.mm(a, b)
        kernels[name, "conv"] = lambda x=x, w=w: F.conv2d(x, w, padding=1)
        flops[name, "mm"] = 2.0 * side**3
        flops[name, "conv"] = 2.0 * batch * channels**2 * 9 * 64**2
    with torch.no_grad():
        found = interleave(kernels, settings.rounds, settings.least_seconds)
    peak: dict[str, dict[str, float | None]] = {name: {} for name in DTYPES}
    for (name, kernel), timing in found.items():
        peak[name][kernel] = flops[name, kernel] / timing.best / 1e9 if timing.best else None
    return peak


def ceiling(peak: dict[str, dict[str, float | None]], precision: str) -> float:
    """The better of the two kernels, GFLOP/s; NaN where neither runs."""
    values = [value for value in peak[precision].values() if value is not None]
    return max(values, default=float("nan"))
