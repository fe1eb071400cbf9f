"""Choosing how many samples to draw at once: what fits on a GPU, what is fastest on a CPU."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from lightning_modules.diffusion import Sampling

ON_CPU = (4, 8, 16, 32)  # larger batches leave the caches
DEFAULT = 16  # known to be good on CPUs
MOST = 512  # a GPU is busy with fewer, and an interrupted run loses a batch
SHARE = 0.8  # of the free memory, since allocators waste some


@torch.no_grad()
def fitting_batch_size(generator: Any, y: Tensor, most: int, sampling: Sampling) -> int:
    """Try out how many of ``most`` samples each process should draw at once.

    Args:
        generator: a :class:`~lightning_modules.bases.generator.Generator`, which is left as it was.
        y: labels that will be asked for, -1 for none.
        most: number of samples per process.
        sampling: settings of drawing.

    Returns:
        The same number on all processes.
    """
    brief = sampling.replace(num_steps=min(2, sampling.num_steps), compile=False)
    label, trainer, training, device = int(y.max()), generator._trainer, generator.training, generator.device
    evaluate = generator.cost_probe(brief.guidance_scale if label >= 0 else 0.0)

    def draw(count: int) -> None:
        generator.draw(torch.full((count,), label, device=device), list(range(count)), brief)

    generator.eval()
    with trainer.precision_plugin.forward_context() if trainer else nullcontext(), torch.inference_mode(False):
        size = choose_batch_size(draw, evaluate, device, most)
    generator.train(training)
    if trainer is not None and trainer.world_size > 1:
        size = int(trainer.strategy.all_gather(torch.tensor(size, device=device)).min())
    if trainer is None or trainer.is_global_zero:
        print(f"batch_size auto: {size} at a time")
    return size


def largest_fitting(peak: Callable[[int], float], free: float, most: int) -> int:
    """Find the largest power of two of samples, at most ``most``, that fits into memory; 1 where nothing else does.

    Memory grows linearly with the batch. Two small batches show the slope; the batch that should fit by this slope is
    tried, and halved until it does fit.

    Args:
        peak: bytes that drawing so many samples takes beyond what is in use; may raise ``torch.OutOfMemoryError``.
        free: bytes that may be taken.
        most: bound, at least 1.
    """
    batch = _power_of_two(most)
    try:
        few, more = (peak(count) for count in (1, 2))
        slope = max(more - few, 1.0)
        batch = min(batch, _power_of_two((free - few) / slope + 1.0))
    except torch.OutOfMemoryError:
        return 1
    while batch > 2:
        try:
            if peak(batch) <= free:
                break
        except torch.OutOfMemoryError:
            pass
        batch //= 2
    return batch


def fastest(seconds: Callable[[int], float], candidates: Sequence[int]) -> int:
    """Find the candidate with the least ``seconds`` per sample; of two that differ by less than 3 %, the smaller."""
    per_sample = {count: seconds(count) / count for count in sorted(candidates)}
    return next(count for count, value in per_sample.items() if value <= 1.03 * min(per_sample.values()))


def choose_batch_size(
    draw: Callable[[int], Any], evaluate: Callable[[int], Any], device: torch.device, most: int
) -> int:
    """Choose how many samples to draw at once on ``device``.

    Args:
        draw: draws so many samples, in few steps; for its memory.
        evaluate: evaluates the guided denoiser on so many; for its time.
        device: where both work. On a CUDA device the largest power of two that fits is chosen; on a CPU the number
            that is fastest per sample, of a few that are each timed for a second; elsewhere 16.
        most: number of samples that are wanted altogether.
    """
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        chosen = largest_fitting(lambda count: _peak_memory(draw, count, device), SHARE * free, min(most, MOST))
        torch.cuda.empty_cache()
        return chosen
    if device.type != "cpu":
        return max(1, min(DEFAULT, most))
    candidates = [count for count in ON_CPU if count <= most]
    return fastest(lambda count: _shortest_time(evaluate, count), candidates) if len(candidates) > 1 else max(1, most)


def _power_of_two(limit: float) -> int:
    """The largest power of two that is at most ``limit``; at least 1."""
    return 1 << max(0, int(limit).bit_length() - 1)


def _peak_memory(draw: Callable[[int], Any], count: int, device: torch.device) -> float:
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    draw(count)
    return float(torch.cuda.max_memory_allocated(device) - before)


def _shortest_time(evaluate: Callable[[int], Any], count: int, budget: float = 1.0) -> float:
    """Seconds of the fastest of the calls that fit into ``budget`` seconds; a first call is not counted."""
    evaluate(count)
    times, end = [], time.perf_counter() + budget
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        evaluate(count)
        times.append(time.perf_counter() - start)
    return min(times)
