"""Grid points: the times of a grid, with the amplitudes that exponential integrators need at them."""

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_modules.diffusion.sde import VPSDE


class GridPoint(NamedTuple):
    """One time of a grid. Amplitudes are Python floats, so that the state keeps its own type."""

    t: Tensor  # (B,) the time, repeated for every sample, on the state's device and in its type
    alpha_t: float  # signal amplitude
    sigma_t: float  # noise amplitude
    half_log_snr: float  # log(alpha_t / sigma_t), the lambda of the DPM-Solver papers


def grid_points(sde: VPSDE, times: Tensor, x_t: Tensor) -> list[GridPoint]:
    """Amplitudes at ``times``, computed in float64, for a state like ``x_t`` ``(B, ...)``."""
    exact = times.to("cpu", torch.float64)
    alphas, sigmas = (amplitude.flatten().tolist() for amplitude in sde.marginal(exact))
    halves = (0.5 * sde.log_snr(exact)).tolist()
    rows = times.to(x_t).unsqueeze(1).expand(-1, len(x_t))
    return [GridPoint(*point) for point in zip(rows, alphas, sigmas, halves, strict=True)]
