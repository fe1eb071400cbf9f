"""The one call signature of all samplers, and the process that they solve in steps."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from torch import Tensor

from lightning_modules.diffusion.samplers.grid_points import GridPoint, grid_points
from lightning_modules.diffusion.samplers.noise import NoiseSource
from lightning_modules.diffusion.sde import VPSDE

DenoiserCall = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""``(x_t, t, y)`` to an estimate of ``x_0``; a network, guided and clamped or not."""


class SamplerOutput(NamedTuple):
    """The result of a sampler."""

    samples: Tensor  # (B, 1, F, L) at the last time of the grid
    nfe: int  # number of denoiser evaluations per sample


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


class ReverseProcess:
    """The way from noise to data, in steps: its times, the estimates on it and the noise for it.

    It is made of the arguments of :meth:`Sampler.__call__`.

    Attributes:
        sde: diffusion process.
        x_init: state at the first of the times.
        points: the times, with the amplitudes there.
        nfe: evaluations of the denoiser so far.
    """

    def __init__(
        self,
        denoiser: DenoiserCall,
        sde: VPSDE,
        x_init: Tensor,
        times: Tensor,
        noise: NoiseSource,
        y: Tensor | None = None,
    ) -> None:
        self.sde, self.x_init, self.points, self.nfe = sde, x_init, grid_points(sde, times, x_init), 0
        self._denoiser, self._noise, self._y = denoiser, noise, y

    def steps(self) -> Iterator[tuple[GridPoint, GridPoint, bool]]:
        """Both ends of each step, and whether it is the last."""
        for now, then in pairwise(self.points):
            yield now, then, then is self.points[-1]

    def denoise(self, x_t: Tensor, point: GridPoint) -> Tensor:
        """Estimate of ``x_0`` given the state ``x_t`` at ``point``; one evaluation of the denoiser."""
        self.nfe += 1
        return self._denoiser(x_t, point.t, self._y)

    def noise(self, x_t: Tensor) -> Tensor:
        """Fresh standard normal noise in the shape and the type of ``x_t``."""
        return self._noise.draw().to(x_t)


class StepSampler(Sampler):
    """A sampler that says only how a :class:`ReverseProcess` is solved."""

    def __call__(self, *args: Any, **kwargs: Any) -> SamplerOutput:
        process = ReverseProcess(*args, **kwargs)
        return SamplerOutput(self.solve(process, process.x_init), process.nfe)

    @abstractmethod
    def solve(self, process: ReverseProcess, x_t: Tensor) -> Tensor:
        """State at the last point of ``process``, from ``x_t`` ``(B, 1, F, L)`` at the first."""
