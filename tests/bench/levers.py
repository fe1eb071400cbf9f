"""Part `levers`: settings of processor and libraries that change the speed but not the algorithm."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from bench.execution import DRAW_GUIDED, EAGER, TRAIN, make_step
from bench.models import SUBNET, make_evaluator
from bench.report import Part
from bench.settings import Settings
from bench.timing import Timing, exactly, interleave, ratio, seconds_of
from bench.workers import worker
from lightning_modules.command_line.allocator import keep_freed_memory

# As in the Makefile: freed memory stays with the process.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}
WORKLOADS = ("training step", "sampling step, γ = 3", "evaluator")
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm")
_made: dict[str, Callable[[], Any]] = {}


def workload(name: str, settings: Settings) -> float:
    """Seconds of one call, in the process that runs this; the first call prepares it and does not count."""
    if name not in _made:
        _made[name] = _make(name, settings)
        _made[name]()
    return seconds_of(_made[name])


def levers(settings: Settings) -> Part:
    """Times by settings of malloc, each in its own process, and by precision and library of matrix products."""
    part = Part("levers", ["what", "setting", "ms"])
    timings = _malloc(settings)
    for name in WORKLOADS:
        for setting in ("default", "tuned", "scoretap's"):
            part.rows.append([name, f"malloc {setting}", 1e3 * min(timings[name, setting].seconds)])
            if setting != "default":
                found = ratio(timings[name, "default"], timings[name, setting])
                part.ratios[f"{name}: default / {setting} malloc"] = found
    linear = _linear(settings)
    for setting, timing in linear.items():
        part.rows.append(["linear layer", setting, 1e3 * timing.best if timing.best else timing.failure])
    plain = linear["fp32"]
    part.ratios |= {f"linear layer: fp32 / {name}": ratio(plain, linear[name]) for name in linear if name != "fp32"}
    part.ratios |= {f"{name}: share of linear layers": exactly(linear_share(name, settings)) for name in WORKLOADS}
    part.notes = [
        f"Processes on the CPU with {torch.get_num_threads()} threads, the small Score Subnet and the ResNeXt-29 with "
        f"{_batch(settings)} clips at a time; malloc tuned means {' '.join(f'{k}={v}' for k, v in MALLOC.items())}, "
        "scoretap's what its command asks of its own process.",
        "bf16 and the layout of whole networks stand in the part `networks`.",
        "The share of linear layers is that of all matrix products outside convolutions and attention, on one thread "
        "at these networks' size: the most that another library for them could take away.",
    ]
    return part


def linear_share(name: str, settings: Settings) -> float:
    """Share of matrix products in the time that one call of a workload spends in operators."""
    run = _make(name, settings)
    run()
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiled:
        run()
    times = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    return sum(times.get(f"aten::{product}", 0.0) for product in PRODUCTS) / sum(times.values())


def _batch(settings: Settings) -> int:
    return 2 if settings.tiny else 16


def _make(name: str, settings: Settings) -> Callable[[], Any]:
    cpu = Settings(torch.device("cpu"), settings.scratch, "tiny" if settings.tiny else "small")
    if name == "evaluator":
        evaluator = make_evaluator("tiny" if settings.tiny else "experiments", cpu.device)
        waveform = torch.randn(_batch(settings), evaluator.front_end.num_samples)
        return torch.no_grad()(lambda: evaluator(waveform))
    return make_step(TRAIN if name == TRAIN.name else DRAW_GUIDED, SUBNET, EAGER, _batch(settings), cpu)


def _malloc(settings: Settings) -> dict[tuple[str, str], Timing]:
    seconds: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        default = stack.enter_context(worker(dict.fromkeys(MALLOC)))
        tuned = stack.enter_context(worker(MALLOC))
        command = stack.enter_context(worker(dict.fromkeys(MALLOC)))
        command(keep_freed_memory)
        for name in WORKLOADS:
            for _ in range(settings.rounds):
                for setting, run in {"default": default, "tuned": tuned, "scoretap's": command}.items():
                    seconds.setdefault((name, setting), []).append(run(workload, name, settings))
    return {key: Timing(values) for key, values in seconds.items()}


def _linear(settings: Settings) -> dict[str, Timing]:
    """One linear layer by the library that PyTorch chooses, by oneDNN, and in bf16; on the CPU."""
    side = 64 if settings.tiny else 1024
    x, w = torch.randn(side, side), torch.randn(side, side)
    half = x.bfloat16(), w.bfloat16()
    variants = {
        "fp32": lambda: F.linear(x, w),
        "oneDNN": lambda: torch.ops.mkldnn._linear_pointwise(x, w, None, "none", [], ""),
        "bf16": lambda: F.linear(*half),
    }
    with torch.no_grad():
        return interleave(variants, settings.rounds, settings.least_seconds)
