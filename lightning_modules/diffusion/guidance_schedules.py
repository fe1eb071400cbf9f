"""Guidance schedules: the share of gamma that is applied at each noise level."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lightning_modules.diffusion.sde import VPSDE


class GuidanceSchedule(ABC):
    r"""Gives the share of gamma for a time, and perhaps for a sample; chosen in YAML by ``class_path``.

    Noise levels are :math:`\bar\sigma = \sigma_t / \alpha_t` throughout, as EDM counts them: the deviation of the noise
    in units of the scaled log-Mel. The default process runs from 152 at t = 1 to 0.0105 at t = 0.001.
    """

    def active(self, t: Tensor, sde: VPSDE) -> bool:
        """Whether any of ``t`` ``(B,)`` is guided; where none is, no class gradient is computed.

        A schedule that is never zero answers without looking at ``t``. The others look, which on a GPU waits for the
        work in flight, once per evaluation: the price of skipping a backward pass.
        """
        return True

    @abstractmethod
    def factor(self, t: Tensor, sde: VPSDE, score: Tensor, gradient: Tensor) -> Tensor:
        r"""Share of gamma that is applied, ``(B,)``, at least 0; a row's value does not depend on the other rows.

        ``score`` is the unguided score at times ``t`` ``(B,)``; ``gradient`` is that of :math:`\log p(y \mid x_t)`,
        zero in rows without label. Both are ``(B, 1, F, L)``.
        """

    def __str__(self) -> str:
        """Name and settings in short form, as ``manifest.csv`` records them."""
        settings = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})" if settings else type(self).__name__


class Constant(GuidanceSchedule):
    """Gamma at every noise level, as in the paper."""

    def factor(self, t: Tensor, sde: VPSDE, score: Tensor, gradient: Tensor) -> Tensor:
        return torch.ones_like(t)


class Interval(GuidanceSchedule):
    r"""Guidance at noise levels in (low, high] only (Kynkäänniemi et al. 2024, arXiv:2404.07724).

    At other noise levels the estimate is unguided, and costs what an unguided one costs.

    Args:
        low: noise level :math:`\sigma_t / \alpha_t` at and below which nothing guides, at least 0.
        high: noise level above which nothing guides; ``.inf`` for no upper end.
        inside: schedule within the interval (default constant).

    Raises:
        ValueError: not 0 <= low < high.
    """

    def __init__(self, low: float, high: float, inside: GuidanceSchedule | None = None) -> None:
        if not 0.0 <= low < high:
            raise ValueError(f"a guidance interval needs noise levels 0 <= low < high, got low {low} and high {high}")
        self.low, self.high, self.inside = low, high, inside or Constant()

    def active(self, t: Tensor, sde: VPSDE) -> bool:
        return bool(self._within(t, sde).any()) and self.inside.active(t, sde)

    def factor(self, t: Tensor, sde: VPSDE, score: Tensor, gradient: Tensor) -> Tensor:
        factor = self.inside.factor(t, sde, score, gradient)
        return torch.where(self._within(t, sde), factor, torch.zeros_like(factor))

    def _within(self, t: Tensor, sde: VPSDE) -> Tensor:
        noise_level = torch.exp(-0.5 * sde.log_snr(t))
        return (noise_level > self.low) & (noise_level <= self.high)


class LinearRamp(GuidanceSchedule):
    r"""Share that grows, or falls, linearly in log SNR.

    .. math:: \mathrm{start} + (\mathrm{end} - \mathrm{start})\, p, \qquad
              p = \frac{\lambda(t) - \lambda(\mathrm{high})}{\lambda(\mathrm{low}) - \lambda(\mathrm{high})}
              \in [0, 1], \quad \lambda = -2 \log \bar\sigma

    Wang et al. 2024 (arXiv:2404.13040) found weights that grow while noise is removed better than constant ones, for
    classifier-free guidance of images and over time steps rather than log SNR.

    Args:
        start: share at noise level ``high`` and above, where sampling starts, at least 0.
        end: share at noise level ``low`` and below, at least 0.
        high: noise level where the ramp starts; null, with ``low``, for that of t = 1.
        low: noise level where it ends, above 0; null, with ``high``, for that of ``sde.t_min``.

    Raises:
        ValueError: a share is negative or not finite, or not 0 < low < high, or only one of the two is given.
    """

    def __init__(
        self, start: float = 0.0, end: float = 1.0, high: float | None = None, low: float | None = None
    ) -> None:
        if not (0.0 <= start < math.inf and 0.0 <= end < math.inf):
            raise ValueError(f"a guidance ramp needs finite shares of at least 0, got start {start} and end {end}")
        if (high is None) != (low is None):
            raise ValueError(f"a guidance ramp needs both noise levels or neither, got high {high} and low {low}")
        if high is not None and low is not None and not 0.0 < low < high < math.inf:
            raise ValueError(f"a guidance ramp needs noise levels 0 < low < high, got low {low} and high {high}")
        self.start, self.end, self.high, self.low = start, end, high, low

    def active(self, t: Tensor, sde: VPSDE) -> bool:
        return min(self.start, self.end) > 0.0 or bool(self._at(t, sde).any())

    def factor(self, t: Tensor, sde: VPSDE, score: Tensor, gradient: Tensor) -> Tensor:
        return self._at(t, sde)

    def _at(self, t: Tensor, sde: VPSDE) -> Tensor:
        if self.high is None or self.low is None:
            first, last = sde.log_snr_range()
        else:
            first, last = -2.0 * math.log(self.high), -2.0 * math.log(self.low)
        position = ((sde.log_snr(t) - first) / (last - first)).clamp(0.0, 1.0)
        return self.start + (self.end - self.start) * self._rise(position)

    def _rise(self, position: Tensor) -> Tensor:
        """From 0 to 1 as ``position`` ``(B,)`` goes from 0 to 1."""
        return position


class CosineRamp(LinearRamp):
    r"""Share that grows, or falls, along half a cosine of log SNR, flat at both ends.

    In the equation of :class:`LinearRamp` :math:`p` is replaced by :math:`(1 - \cos \pi p) / 2`.
    """

    def _rise(self, position: Tensor) -> Tensor:
        return 0.5 * (1.0 - torch.cos(math.pi * position))


class NormMatched(GuidanceSchedule):
    r"""Holds the norm of what guidance adds at a fixed share of the score's norm, sample by sample.

    .. math:: s + \gamma\, \rho\, \frac{\lVert s \rVert}{\lVert \nabla \log p(y \mid x_t) \rVert}\,
              \nabla \log p(y \mid x_t), \qquad s = s(x_t, t)

    The norm-based guidance of Guided-TTS (Kim, Kim and Yoon 2022, arXiv:2111.11755), whose one scale is gamma times rho
    here. Norms run over a sample's whole log-Mel. Only the direction of the gradient counts: where the classifier knows
    nothing, or is certain, a sample is moved by as much as elsewhere; an :class:`Interval` around this limits that. A
    gradient of zero adds nothing.

    Args:
        share: rho, above 0. The default was chosen on 60 clips of a small model of spoken digits at gamma 3, whose
            constant guidance adds 0.015 of the score's norm at noise levels above 5.

    Raises:
        ValueError: ``share`` is not above 0 or not finite.
    """

    def __init__(self, share: float = 0.02) -> None:
        if not 0.0 < share < math.inf:
            raise ValueError(f"norm-matched guidance needs a finite share above 0, got {share}")
        self.share = share

    def factor(self, t: Tensor, sde: VPSDE, score: Tensor, gradient: Tensor) -> Tensor:
        of_score, of_gradient = (torch.linalg.vector_norm(vectors.flatten(1), dim=1) for vectors in (score, gradient))
        zero = of_gradient == 0
        return torch.where(
            zero, torch.zeros_like(of_gradient), self.share * of_score / of_gradient.masked_fill(zero, 1.0)
        )
