"""Part `sampling`: time and memory that a generated second costs, and how both grow."""

from collections.abc import Callable
from typing import Any

import torch

from bench.execution import DRAW_GUIDED, EAGER, gmacs, make_step
from bench.models import SUBNET, make_generator
from bench.report import Part
from bench.settings import Settings
from bench.timing import Timing, exactly, interleave, ratio
from bench.workers import MemoryMark, worker
from lightning_modules.bases.generator import Generator
from lightning_modules.diffusion.samplers import DDIM, Karras

Case = tuple[int, int, float, int]  # batch, steps, gamma, threads


def drawing(generator: Generator, batch: int, steps: int, gamma: float, threads: int) -> Callable[[], Any]:
    """A function that draws ``batch`` clips on ``threads`` threads, from noise to waveform."""
    settings = generator.sampling.replace(
        num_steps=steps, guidance_scale=gamma, sampler=DDIM(eta=1.0), time_grid=Karras()
    )
    y = torch.arange(batch, device=generator.device) % 10

    def draw() -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            generator.draw(y, list(range(batch)), settings)
        finally:
            torch.set_num_threads(before)

    return draw


def memory(settings: Settings) -> dict[int, float]:
    """Peak growth in 10^6 bytes by batch, the smaller first; runs in a process of its own."""
    generator = make_generator(SUBNET, settings.size, settings.device).eval()
    mark, grown = MemoryMark(settings.device), {}
    for batch in (1, settings.full_batch):
        drawing(generator, batch, 2, 3.0, torch.get_num_threads())()
        grown[batch] = mark.growth()
    return grown


def sampling(settings: Settings) -> Part:
    """Times of drawing clips with the Score Subnet by ancestral steps, Griffin-Lim included."""
    generator = make_generator(SUBNET, settings.size, settings.device).eval()
    full, steps, threads = settings.full_batch, settings.steps, torch.get_num_threads()
    one, alone, together = (1, steps, 3.0, 1), (1, steps, 3.0, threads), (full, steps, 3.0, threads)
    half, longer, unguided = (full // 2, steps, 3.0, threads), (1, 2 * steps, 3.0, threads), (1, steps, 0.0, threads)
    cases = {case: drawing(generator, *case) for case in (one, alone, together, half, longer, unguided)}
    timings: dict[Case, Timing] = interleave(cases, settings.rounds, settings.least_seconds)
    with worker() as run:
        grown = run(memory, settings)
    front_end = generator.front_end
    clip = front_end.num_samples / front_end.sample_rate
    part = Part("sampling", ["batch", "steps", "γ", "threads", "seconds per generated second", "peak memory, MB"])
    for (batch, count, gamma, used), timing in timings.items():
        seconds = timing.best / batch / clip if timing.best else timing.failure
        part.rows.append([batch, count, gamma, used, seconds, grown.get(batch) if count == steps and gamma else None])
    part.ratios = {
        "batch 1: one thread / all threads": ratio(timings[one], timings[alone]),
        "per clip: batch 1 / full batch": ratio(timings[alone], timings[together], scale=full),
        "growth with batch: full / half": ratio(timings[together], timings[half]),
        "growth with steps: twice / once": ratio(timings[longer], timings[alone]),
        "guidance: γ = 3 / γ = 0": ratio(timings[alone], timings[unguided]),
        "memory: full batch / batch 1": exactly(grown[full] / grown[1]),
        **_growth_with_size(settings),
    }
    part.notes.append(
        f"Score Subnet at {settings.label}, {full} clips in a full batch. Memory is the growth of resident memory (or "
        "of the GPU's) over the loaded model; on CPUs it includes what libraries set up at their first call."
    )
    return part


def _growth_with_size(settings: Settings) -> dict[str, Any]:
    """One guided evaluation of the small model against one at paper size; batch 1."""
    sizes = ("tiny", "small") if settings.tiny else ("small", "experiments")
    steps, counts = {}, {}
    for size in sizes:
        other = Settings(settings.device, settings.scratch, size)
        steps[size] = make_step(DRAW_GUIDED, SUBNET, EAGER, 1, other)
        counts[size] = gmacs(DRAW_GUIDED, SUBNET, other)
    timings = interleave(steps, settings.rounds)
    larger, smaller = reversed(sizes)
    return {
        "growth with size: larger / smaller model, time": ratio(timings[larger], timings[smaller]),
        "growth with size: larger / smaller model, GMACs": exactly(counts[larger] / counts[smaller]),
    }
