"""The settings of drawing samples, and the drawing itself."""

import inspect
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from lightning_modules.diffusion.clamp import Clamp
from lightning_modules.diffusion.compiled import CompiledRunner, backend_of
from lightning_modules.diffusion.guidance import Guidance, run_directly
from lightning_modules.diffusion.guidance_schedules import Constant, GuidanceSchedule
from lightning_modules.diffusion.guidance_settings import GuidanceSettings
from lightning_modules.diffusion.samplers import EulerMaruyama, PerSampleNoise, Sampler, TimeGrid, UniformTime
from lightning_modules.diffusion.samplers.base import SamplerOutput
from lightning_modules.diffusion.sde import VPSDE
from lightning_modules.ranges import ABOVE_ZERO, STEPS, check_ranges


def _guidance_setting(name: str) -> Any:
    """Make an attribute of :class:`Sampling` that reads and changes the setting ``name`` of its guidance."""

    def change(sampling: "Sampling", value: Any) -> None:
        sampling.guidance_settings = replace(sampling.guidance_settings, **{name: value})

    return property(lambda sampling: getattr(sampling.guidance_settings, name), change)


class Sampling:
    """Settings by which samples are drawn; they belong to a run and are never stored as hyperparameters of a model.

    Args:
        guidance_scale: gamma of classifier guidance, or the same of classifier-free guidance, at least 0; 0 draws from
            the unconditional model.
        num_steps: sampler steps, 1 to 100,000.
        sampler: solver of the reverse process (default Euler-Maruyama, as in the paper).
        time_grid: placement of the steps in time (default uniform).
        clamp: largest magnitude of the denoised estimate before guidance; null leaves it free.
        clamp_quantile: quantile in (0, 1] of a sample's magnitudes that is scaled down to ``clamp`` where it is larger
            (dynamic thresholding); null clips.
        guidance: share of gamma by noise level (default constant, as in the paper).
        guidance_at: what the classifier is asked about: the noisy input, or the denoised estimate by an approximation
            that costs a Score Subnet one more backbone forward.
        guidance_by: what guides: the classifier, or a network trained with labels, classifier-free; null for the
            latter where the network was so trained.
        compile: true compiles a whole evaluation of the networks by ``torch.compile``, gradient taps and class gradient
            included; a name chooses its backend, such as cudagraphs. Estimates differ by rounding, in float32 by about
            1e-5. Meant for GPUs and long runs: on a CPU compiling takes a minute and gains little.

    Raises:
        ValueError: ``guidance_scale`` is negative or not finite, ``num_steps`` below 1, ``clamp`` not above 0,
            ``clamp_quantile`` outside (0, 1] or without ``clamp``, ``guidance_at`` neither ``noisy`` nor ``denoised``,
            ``guidance_by`` unknown, or ``compile`` cannot be done.
    """

    def __init__(
        self,
        guidance_scale: float = 3.0,
        num_steps: int = 100,
        sampler: Sampler | None = None,
        time_grid: TimeGrid | None = None,
        clamp: float | None = 1.1,
        guidance: GuidanceSchedule | None = None,
        guidance_at: Literal["noisy", "denoised"] = "noisy",
        guidance_by: Literal["classifier", "classifier_free"] | None = None,
        compile: bool | str = False,
        clamp_quantile: float | None = None,
    ) -> None:
        self.guidance_settings = GuidanceSettings(guidance_by, guidance_scale, guidance or Constant(), guidance_at)
        check_ranges(num_steps=(num_steps, STEPS), clamp=(clamp, ABOVE_ZERO))
        if clamp_quantile is not None and (clamp is None or not 0 < clamp_quantile <= 1):
            raise ValueError(
                f"clamp_quantile must be in (0, 1] and needs a clamp, got {clamp_quantile} with clamp {clamp}"
            )
        self.num_steps, self.clamp = num_steps, clamp
        self.sampler = sampler or EulerMaruyama()
        self.time_grid = time_grid or UniformTime()
        backend_of(compile)
        self.compile, self.clamp_quantile = compile, clamp_quantile

    guidance_scale = _guidance_setting("scale")
    guidance = _guidance_setting("schedule")
    guidance_at = _guidance_setting("at")
    guidance_by = _guidance_setting("kind")

    def replace(self, **changes: Any) -> "Sampling":
        """Copy these settings with some changed; they are validated again."""
        settings = {name: getattr(self, name) for name in inspect.signature(Sampling).parameters}
        return Sampling(**{**settings, **changes})

    def guidance_name(self, denoiser: Any = None) -> str:
        """Schedule and kind of guidance in short form, such as ``Interval(low=0.2, high=3.0, inside=Constant)``."""
        return self.guidance_settings.name(denoiser)

    def guide(self, denoiser: Any, sde: VPSDE) -> Guidance:
        """Clamp and guide ``denoiser`` as these settings say."""
        wrapper = self.guidance_settings.wrapper(denoiser)
        bounded = denoiser if self.clamp is None else Clamp(denoiser, self.clamp, self.clamp_quantile)
        backend = backend_of(self.compile)
        settings = (wrapper.__name__, self.clamp, self.clamp_quantile, *vars(sde).values())
        run = CompiledRunner(denoiser, backend, settings) if backend else run_directly
        return wrapper(bounded, sde, self.guidance_scale, self.guidance, run)

    @torch.no_grad()
    def draw(
        self,
        denoiser: Any,
        sde: VPSDE,
        shape: tuple[int, ...],
        y: Tensor | None,
        seeds: list[int],
        device: torch.device,
    ) -> SamplerOutput:
        """Draw scaled log-Mels ``(B, *shape)`` with a denoiser ``(x_t, t, y)`` to ``x_0``, on its device.

        Each sample has a seed, on which alone its noise depends, and a digit of ``y`` ``(B,)``: -1 where it has none,
        None where no sample has one.
        """
        noise = PerSampleNoise(seeds, shape, device)
        guided = self.guide(denoiser, sde)
        samples, nfe = self.sampler(guided, sde, noise.draw(), self.time_grid(self.num_steps, sde), noise, y)
        return SamplerOutput(samples, nfe + guided.extra_evaluations)
