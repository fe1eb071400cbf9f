"""Part `networks`: the cost of one step, by model and by way of execution."""

from typing import Any

from bench.execution import DRAW, DRAW_GUIDED, EAGER, EXECUTIONS, TRAIN, Execution, Job, gmacs, graph_breaks, make_step
from bench.models import FEATURES, SUBNET, UNET, UNET_GUIDED
from bench.peak import Ceiling, ceiling, measured_peak, peak_kernels
from bench.report import Part
from bench.settings import Settings
from bench.timing import Timing, exactly, interleave, joined, ratio

CASES = [
    *((job, model) for job in (TRAIN, DRAW) for model in (SUBNET, FEATURES, UNET)),
    *((DRAW_GUIDED, model) for model in (SUBNET, FEATURES, UNET_GUIDED)),
]
# Compiling takes from half a minute to some minutes: the method, and the baseline where it is trained.
COMPILED = [(TRAIN, SUBNET), (TRAIN, UNET), (DRAW, SUBNET), (DRAW_GUIDED, SUBNET), (DRAW_GUIDED, UNET_GUIDED)]
PAIRS = [(job, model) for job, model in CASES if model != SUBNET]


def executions(job: Job, model: str, settings: Settings) -> list[Execution]:
    """The ways in which a case is run."""
    compiled = settings.compile and (job, model) in COMPILED
    return [execution for execution in EXECUTIONS if compiled or not execution.compiled]


def networks(settings: Settings) -> Part:
    """Steps of every model: milliseconds, multiply-accumulates and share of the machine's measured ceiling."""
    part = Part("networks")
    part.header = ["step", "model", "execution", "ms per clip", "GMACs per clip", "GFLOP/s", "share of peak"]
    counts = {case: gmacs(*case, settings) for case in CASES}
    timings: dict[Any, Timing] = {}
    kernels, flops = peak_kernels(settings)
    for job in (TRAIN, DRAW, DRAW_GUIDED):  # all models of a job together: they are compared with each other
        variants = {
            (job, model, execution.name): make_step(job, model, execution, settings.full_batch, settings)
            for other, model in CASES
            if other == job
            for execution in executions(job, model, settings)
        }
        found = interleave({**kernels, **variants}, settings.rounds, settings.least_seconds)
        for kernel in kernels:  # of all jobs together, so that a ceiling is the best of every round
            found[kernel] = joined(timings.get(kernel), found[kernel])
        timings |= found
    peak = measured_peak(timings, flops)
    for job, model in CASES:
        for execution in executions(job, model, settings):
            timing = timings[job, model, execution.name]
            row = [job.name, model, execution.name]
            part.rows.append(row + _figures(timing, counts[job, model], ceiling(peak, execution.precision), settings))
            if execution != EAGER:
                name = f"{job.name}, {model}: eager fp32 / {execution.name}"
                part.ratios[name] = ratio(timings[job, model, EAGER.name], timing)
    for job, model in PAIRS:
        theirs, ours = timings[job, model, EAGER.name], timings[job, SUBNET, EAGER.name]
        part.ratios[f"{job.name}: {model} / {SUBNET}, time"] = ratio(theirs, ours)
        part.ratios[f"{job.name}: {model} / {SUBNET}, GMACs"] = exactly(counts[job, model] / counts[job, SUBNET])
    part.notes = _notes(peak, settings)
    return part


def _figures(timing: Timing, count: float, peak: float, settings: Settings) -> list[Any]:
    if timing.best is None:
        return [timing.failure, count, None, None]
    seconds = timing.best / settings.full_batch
    speed = 2.0 * count / seconds
    return [1e3 * seconds, count, speed, speed / peak]


def _notes(peak: Ceiling, settings: Settings) -> list[str]:
    found = ", ".join(
        f"{kernel} {precision} {value:.4g}" if value else f"{kernel} {precision} does not run"
        for (precision, kernel), value in peak.items()
    )
    notes = [
        f"Models at {settings.label}, {settings.full_batch} clips at a time, best of {settings.rounds} rounds; "
        f"training includes the optimiser. Measured peak in GFLOP/s: {found}; shares refer to the better kernel of a "
        "precision.",
        f"{UNET_GUIDED} trains as {UNET} does, and unguided it draws as {UNET} does.",
    ]
    if settings.compile:
        notes.append(f"torch.compile left its graph {graph_breaks()} times in all of its variants together.")
    return notes
