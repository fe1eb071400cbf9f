"""Parameterizations: three ways to turn the raw output of a score network into an estimate of the clean log-Mel."""

from abc import ABC, abstractmethod

from torch import Tensor


class Parameterization(ABC):
    r"""Output scales of a denoiser; chosen in YAML by ``class_path``.

    .. math:: \mathrm{denoised} = c_\mathrm{skip} x_t + c_\mathrm{out} F

    All are the DSM objective up to its weight: with :math:`\lambda(t) = c_\mathrm{out}^{-2}` the error is measured on
    the network's own output F, which is what each of the three was proposed with.
    """

    @abstractmethod
    def output_scales(self, alpha_t: Tensor, sigma_t: Tensor, sigma_data: float) -> tuple[Tensor, Tensor]:
        """``c_skip`` and ``c_out``, shaped like ``alpha_t`` and ``sigma_t``; ``sigma_data`` is the data's deviation."""


class Preconditioned(Parameterization):
    r"""EDM's scales at noise-to-signal :math:`\sigma_t / \alpha_t` (Karras et al. 2022, arXiv:2206.00364, Table 1).

    .. math:: c_\mathrm{skip} = \frac{\alpha_t \sigma_d^2}{\sigma_t^2 + \alpha_t^2 \sigma_d^2}, \qquad
              c_\mathrm{out} = \frac{\sigma_t \sigma_d}{\sqrt{\sigma_t^2 + \alpha_t^2 \sigma_d^2}}
    """

    def output_scales(self, alpha_t: Tensor, sigma_t: Tensor, sigma_data: float) -> tuple[Tensor, Tensor]:
        variance = sigma_t.square() + alpha_t.square() * sigma_data**2
        return alpha_t * sigma_data**2 / variance, sigma_t * sigma_data / variance.sqrt()


class Epsilon(Parameterization):
    r"""The network predicts the noise: :math:`F = \varepsilon` (Ho et al. 2020, arXiv:2006.11239, Eq. 14)."""

    def output_scales(self, alpha_t: Tensor, sigma_t: Tensor, sigma_data: float) -> tuple[Tensor, Tensor]:
        return 1.0 / alpha_t, -sigma_t / alpha_t


class Velocity(Parameterization):
    r"""The network predicts a velocity (Salimans and Ho 2022, arXiv:2202.00512).

    .. math:: F = \alpha_t \varepsilon - \sigma_t x_0
    """

    def output_scales(self, alpha_t: Tensor, sigma_t: Tensor, sigma_data: float) -> tuple[Tensor, Tensor]:
        return alpha_t, -sigma_t
