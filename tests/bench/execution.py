"""Ways to run the same mathematics: memory layout, precision, compiler."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from bench.models import make_generator
from bench.settings import Settings
from datamodules.datasets import Batch
from lightning_modules.networks.cost import count_gmacs


class Execution(NamedTuple):
    """One way to run a network.

    Attributes:
        name: in tables.
        channels_last: layout of weights, which activations follow.
        precision: ``fp32``, or ``bf16`` by autocast.
        compiled: by torch.compile.
    """

    name: str
    channels_last: bool = False
    precision: str = "fp32"
    compiled: bool = False


EAGER = Execution("eager fp32")
EXECUTIONS = (
    EAGER,
    Execution("channels_last", channels_last=True),
    Execution("bf16", precision="bf16"),
    Execution("channels_last + bf16", channels_last=True, precision="bf16"),
    Execution("torch.compile", compiled=True),
)


class Job(NamedTuple):
    """The work to measure: a training step, or an evaluation of the denoiser with guidance scale gamma.

    Attributes:
        name: in tables.
        gamma: guidance scale; None for a training step.
    """

    name: str
    gamma: float | None = None


TRAIN, DRAW, DRAW_GUIDED = Job("training step"), Job("sampling step", 0.0), Job("sampling step, γ = 3", 3.0)


def make_step(job: Job, model: str, execution: Execution, batch: int, settings: Settings) -> Callable[[], Any]:
    """A function that runs ``job`` once on ``batch`` clips; what cannot be compiled raises when it is called."""
    generator = make_generator(model, settings.size, settings.device)
    if execution.channels_last:
        generator.to(memory_format=torch.channels_last)
    make = _training_step if job.gamma is None else _sampling_step
    step = make(generator, job.gamma, batch, execution.compiled)

    def run() -> None:
        with torch.autocast(settings.device.type, torch.bfloat16, enabled=execution.precision == "bf16"):
            step()

    return run


def gmacs(job: Job, model: str, settings: Settings) -> float:
    """Billions of multiply-accumulates for one clip, with all backward passes, without the optimiser."""
    generator = make_generator(model, settings.size, settings.device)
    if job.gamma is not None:
        return count_gmacs(generator.eval().cost_probe(job.gamma), 1)
    return count_gmacs(torch.enable_grad()(_loss_gradient(generator, 1, False)))


def _sampling_step(generator: Any, gamma: float, batch: int, compiled: bool) -> Callable[[], Any]:
    sampling = generator.sampling.replace(guidance_scale=gamma, compile=compiled)
    guided = sampling.guide(generator.eval().denoiser, generator.sde)
    x_t = torch.randn(batch, *generator.front_end.shape, device=generator.device)
    t, y = torch.full_like(x_t[:, 0, 0, 0], 0.5), torch.zeros(batch, dtype=torch.long, device=generator.device)
    return torch.no_grad()(lambda: guided(x_t, t, y))


def _training_step(generator: Any, gamma: None, batch: int, compiled: bool) -> Callable[[], Any]:
    generator.train()
    optimizer = generator.optimization.configure(generator.parameters(), 100000)["optimizer"]
    for group in optimizer.param_groups:
        group["lr"] = 0.0  # weights stay as they are: every round computes the same
    gradient = _loss_gradient(generator, batch, compiled)

    def step() -> None:
        gradient()
        with torch.autocast(generator.device.type, enabled=False):
            optimizer.step()
        optimizer.zero_grad()

    return step


def _loss_gradient(generator: Any, batch: int, compiled: bool) -> Callable[[], Any]:
    x_0 = 2.0 * torch.rand(batch, *generator.front_end.shape, device=generator.device) - 1.0
    clips = Batch(x_0, torch.zeros(batch, dtype=torch.long), torch.arange(batch))
    if compiled:  # as callbacks.Compile does
        generator.network.compile()

    def gradient() -> None:
        generator.losses(clips, *generator.training_noise(x_0)).mean().backward()

    return gradient


def graph_breaks() -> int:
    """How many times torch.compile left its graph since the last call of this function."""
    from torch._dynamo.utils import counters

    count = sum(counters["graph_break"].values())
    counters.clear()
    return count
