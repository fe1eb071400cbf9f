"""Part `backward`: ways to compute the gradients of the backbone that a guided evaluation needs."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench.models import SUBNET, make_generator
from bench.report import Part
from bench.settings import Settings
from bench.timing import interleave, ratio
from lightning_modules.networks import TappedClassifier

TWO, BATCHED, ONE = "two backward passes", "one batched product", "one backward pass"
Gradients = Sequence[Tensor]  # of the taps and, last, of the input


def backward(settings: Settings) -> Part:
    """Times of the backbone's forward pass and gradients, as they are computed now and by alternatives."""
    part = Part("backward", ["backbone's gradients", "ms per clip"])
    timings = interleave(variants(settings), settings.rounds, settings.least_seconds)
    for name, timing in timings.items():
        part.rows.append([name, 1e3 * timing.best / settings.full_batch if timing.best else timing.failure])
    part.ratios = {f"{name} / {TWO}": ratio(timings[name], timings[TWO]) for name in (BATCHED, ONE)}
    part.notes = [
        f"The Score Subnet's backbone at {settings.label}, {settings.full_batch} clips at a time: its forward pass, "
        "the gradient taps (of log p(x)) and the class gradient (of log p(y | x)).",
        f"'{BATCHED}' is torch.autograd.grad with is_grads_batched, both cotangents at once: the same values. "
        f"'{ONE}' takes everything from log p(x, y), as conditional gradient taps would: other values.",
    ]
    return part


def variants(settings: Settings) -> dict[str, Callable[[], Gradients]]:
    """Functions that give the gradients, by name."""
    generator = make_generator(SUBNET, settings.size, settings.device).eval()
    tapped: TappedClassifier = generator.denoiser.classifier
    x_t = torch.randn(settings.full_batch, *generator.front_end.shape, device=settings.device)
    t = torch.full_like(x_t[:, 0, 0, 0], 0.5)
    y = torch.arange(len(x_t), device=settings.device) % 10

    def two() -> Gradients:
        reading = tapped.read(x_t, t, differentiable=True)
        return [*reading.gradients().values(), reading.class_gradient(y)]

    def forward() -> tuple[Tensor, list[Tensor]]:
        x = x_t.clone().requires_grad_()
        with torch.enable_grad():
            logits, activations = tapped._forward_with_taps(*tapped.scaling(x, t))
        return logits, [*activations.values(), x]

    def batched() -> Gradients:
        logits, wanted = forward()
        share = logits.detach().softmax(dim=1)
        class_share = torch.nn.functional.one_hot(y, logits.shape[1]) - share
        both = torch.autograd.grad(logits, wanted, torch.stack([share, class_share]), is_grads_batched=True)
        return [*(gradient[0] for gradient in both[:-1]), both[-1][1]]

    def one() -> Gradients:
        logits, wanted = forward()
        return torch.autograd.grad(logits.gather(1, y[:, None]).sum(), wanted)

    return {TWO: two, BATCHED: batched, ONE: one}
