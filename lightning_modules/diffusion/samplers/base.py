"""The one call signature of all samplers."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from lightning_modules.diffusion.samplers.noise import NoiseSource
from lightning_modules.diffusion.sde import VPSDE

DenoiserCall = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""``(x_t, t, y)`` to an estimate of ``x_0``; a network, guided and clamped or not."""


class SamplerOutput(NamedTuple):
    """The result of a sampler.

    Attributes:
        samples: ``(B, 1, F, L)`` at the last time of the grid.
        nfe: number of denoiser evaluations per sample.
    """

    samples: Tensor
    nfe: int


class Sampler(ABC):
    """Solver of the reverse-time process from noise to data; chosen in YAML by ``class_path``."""

    @abstractmethod
    def __call__(
        self,
        denoiser: DenoiserCall,
        sde: VPSDE,
        x_init: Tensor,
        times: Tensor,
        noise: NoiseSource,
        y: Tensor | None = None,
    ) -> SamplerOutput:
        """Integrate from ``times[0]`` to ``times[-1]``.

        Args:
            denoiser: ``(x_t, t, y)`` to an estimate of ``x_0``.
            sde: diffusion process.
            x_init: ``(B, 1, F, L)`` state at ``times[0]``.
            times: decreasing diffusion times, one more than there are steps.
            noise: where fresh noise comes from.
            y: ``(B,)`` digits handed to the denoiser, or None.
        """
