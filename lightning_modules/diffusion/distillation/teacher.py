"""The teacher: a guided denoiser whose deterministic paths from noise to data a student learns to shorten."""

import torch
from torch import Tensor

from lightning_modules.diffusion.samplers import DDIM, TimeGrid
from lightning_modules.diffusion.samplers.base import DenoiserCall
from lightning_modules.diffusion.sde import VPSDE

SAME = 0.03  # difference in log noise level below which two times are taken for one


class _NoNoise:
    def draw(self) -> Tensor:
        raise AssertionError("a deterministic path draws no noise")


class Teacher:
    """Solves the probability-flow ODE of a guided denoiser by DDIM without noise.

    Args:
        denoiser: ``(x_t, t, y)`` to an estimate of ``x_0``; guided and clamped.
        sde: diffusion process.
    """

    def __init__(self, denoiser: DenoiserCall, sde: VPSDE) -> None:
        self.denoiser, self.sde = denoiser, sde
        self._solver = DDIM(eta=0.0)

    @torch.no_grad()
    def solve(self, x_t: Tensor, y: Tensor | None, times: Tensor) -> Tensor:
        """State at ``times[-1]`` of a path that is at ``x_t`` ``(B, 1, F, L)`` at ``times[0]``; one step each."""
        return self._solver(self.denoiser, self.sde, x_t, times, _NoNoise(), y).samples

    def segment(self, now: Tensor, then: Tensor, num_steps: int) -> Tensor:
        """Times ``(num_steps + 1,)`` from ``now`` to ``then``, evenly spaced in log SNR; float64."""
        ends = torch.stack([now.flatten()[0], then.flatten()[0]]).double().cpu()
        first, last = self.sde.log_snr(ends).tolist()
        times = self.sde.time_of_log_snr(torch.linspace(first, last, num_steps + 1, dtype=torch.float64))
        times[0], times[-1] = ends
        return times

    @torch.no_grad()
    def trajectory(self, x_init: Tensor, y: Tensor | None, levels: Tensor, num_steps: int, grid: TimeGrid) -> Tensor:
        """States ``(B, K + 1, 1, F, L)`` of a whole path: at the K times ``levels``, and at the smallest time.

        Args:
            x_init: ``(B, 1, F, L)`` noise at ``levels[0]``.
            y: ``(B,)`` labels.
            levels: decreasing times of the states that are kept, float64.
            num_steps: steps of the grid; levels come in addition where they lie between its times.
            grid: placement of the steps.
        """
        times = with_levels(grid(num_steps, self.sde), levels, self.sde)
        ends = [int((times - level).abs().argmin()) for level in (*levels[1:], times[-1])]
        states, x_t, start = [x_init], x_init, 0
        for end in ends:
            x_t = self.solve(x_t, y, times[start : end + 1])
            states.append(x_t)
            start = end
        return torch.stack(states, dim=1)


def with_levels(times: Tensor, levels: Tensor, sde: VPSDE) -> Tensor:
    """Decreasing ``times`` from ``levels[0]`` on, with all ``levels`` among them; times that nearly are levels go."""
    far = (sde.log_snr(times).unsqueeze(1) - sde.log_snr(levels)).abs().amin(dim=1) > 2.0 * SAME
    kept = times[(far & (times < levels[0])) | (times == times[-1])]
    return torch.cat([levels, kept]).unique().flip(0)
