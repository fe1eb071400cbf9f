"""Part `vocoder`: seconds of synthesis per clip, against the evaluation of a denoiser."""

from collections.abc import Callable

import torch

from bench.execution import DRAW_GUIDED, EAGER, make_step
from bench.models import SUBNET
from bench.report import Part
from bench.settings import Settings
from bench.timing import interleave, ratio
from lightning_modules.audio import GriffinLim, Vocoder
from lightning_modules.checkpoints.vocoders import NeuralVocoder

# A further vocoder is one line here.
VOCODERS: dict[str, Callable[[], Vocoder]] = {
    "Griffin-Lim 32": lambda: GriffinLim(num_iterations=32),
    "Griffin-Lim 60": lambda: GriffinLim(num_iterations=60),
    "light-vocoder": lambda: NeuralVocoder("light-vocoder"),
}
STEP = "one guided evaluation"


def vocoder(settings: Settings) -> Part:
    """Seconds per clip, alone and in a full batch."""
    part = Part("vocoder", ["vocoder", "clips at a time", "ms per clip"])
    batches = (1, settings.full_batch)
    variants = {(STEP, batch): make_step(DRAW_GUIDED, SUBNET, EAGER, batch, settings) for batch in batches}
    for name, make in VOCODERS.items():
        synthesiser = make().to(settings.device)
        for batch in batches:
            x_0 = 2.0 * torch.rand(batch, *synthesiser.front_end.shape, device=settings.device) - 1.0
            variants[name, batch] = lambda v=synthesiser, x=x_0: v(x)
    timings = interleave(variants, settings.rounds, settings.least_seconds)
    for (name, batch), timing in timings.items():
        part.rows.append([name, batch, 1e3 * timing.best / batch if timing.best else timing.failure])
        if name != STEP:
            part.ratios[f"{name} / {STEP}, {batch} at a time"] = ratio(timing, timings[STEP, batch])
    part.notes.append(f"The evaluation is of the Score Subnet at {settings.label} with γ = 3.")
    return part
