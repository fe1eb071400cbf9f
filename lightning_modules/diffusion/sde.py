"""The variance-preserving diffusion process: the only place that knows beta, alpha and sigma."""

import torch
from torch import Tensor

from lightning_modules.ranges import ABOVE_ZERO, check_ranges


class VPSDE:
    r"""Variance-preserving SDE with linear beta (Song et al. 2021, arXiv:2011.13456, Eq. 11).

    .. math:: dx = -\tfrac12 \beta(t)\,x\,dt + \sqrt{\beta(t)}\,dw, \qquad
              \beta(t) = \beta_\min + t\,(\beta_\max - \beta_\min)

    Args:
        beta_min: noise rate at t = 0, per unit of diffusion time.
        beta_max: noise rate at t = 1.
        t_min: smallest time that is trained and sampled, in (0, 1); at 0 itself the score is not defined.
    """

    def __init__(self, beta_min: float = 0.1, beta_max: float = 20.0, t_min: float = 1e-3) -> None:
        check_ranges(beta_min=(beta_min, ABOVE_ZERO), beta_max=(beta_max, ABOVE_ZERO))
        if not 0.0 < beta_min <= beta_max:
            raise ValueError(f"expected 0 < beta_min <= beta_max, got {beta_min} and {beta_max}")
        if not 0.0 < t_min < 1.0:
            raise ValueError(f"expected t_min in (0, 1), got {t_min}")
        self.beta_min, self.beta_max, self.t_min = beta_min, beta_max, t_min

    def marginal(self, t: Tensor) -> tuple[Tensor, Tensor]:
        r"""Signal and noise amplitudes of the perturbed log-Mel at time ``t``.

        .. math:: x_t = \alpha_t x_0 + \sigma_t \varepsilon, \qquad \alpha_t^2 + \sigma_t^2 = 1

        Song et al. 2021 (arXiv:2011.13456, Eq. 29), integrated for linear beta(t).

        Args:
            t: ``(B,)`` diffusion time in [0, 1], unitless; not a frame index and not seconds.

        Returns:
            ``alpha_t`` and ``sigma_t``, each ``(B, 1, 1, 1)``, to multiply a ``(B, 1, F, L)`` log-Mel.

        Raises:
            ValueError: ``t`` is not one-dimensional. (Ranges are checked where t is made: no GPU sync here.)
        """
        log_alpha = self._log_alpha(t)
        # expm1 keeps sigma exact near t = 0, where 1 - exp(2 log alpha) cancels in float32.
        return _to_maps(log_alpha.exp()), _to_maps((-torch.expm1(2.0 * log_alpha)).sqrt())

    def log_snr(self, t: Tensor) -> Tensor:
        r""":math:`\log(\alpha_t^2 / \sigma_t^2)`, shape ``(B,)``, of ``t`` ``(B,)``."""
        log_alpha = self._log_alpha(t)
        return 2.0 * log_alpha - torch.log(-torch.expm1(2.0 * log_alpha))

    def log_snr_range(self) -> list[float]:
        """The log SNR at time 1 and at ``t_min``, the lowest and the highest."""
        return self.log_snr(torch.tensor([1.0, self.t_min], dtype=torch.float64)).tolist()

    def time_of_log_snr(self, log_snr: Tensor) -> Tensor:
        r"""Inverse of :meth:`log_snr`: the positive root of the integral of beta.

        .. math:: \tfrac14 (\beta_\max - \beta_\min) t^2 + \tfrac12 \beta_\min t = -\log \alpha_t
        """
        slope, offset = 0.25 * (self.beta_max - self.beta_min), 0.5 * self.beta_min
        log_alpha = -0.5 * torch.nn.functional.softplus(-log_snr)
        # The form without cancellation near t = 0, valid for slope 0 too.
        return -2.0 * log_alpha / (offset + (offset**2 - 4.0 * slope * log_alpha).sqrt())

    def beta(self, t: Tensor) -> Tensor:
        """Noise rate ``(B, 1, 1, 1)`` per unit of diffusion time at ``t`` ``(B,)``."""
        return _to_maps(self.beta_min + t * (self.beta_max - self.beta_min))

    def drift(self, x_t: Tensor, t: Tensor) -> Tensor:
        r"""Forward drift :math:`-\tfrac12 \beta(t) x_t`, shape of ``x_t``."""
        return -0.5 * self.beta(t) * x_t

    def diffusion(self, t: Tensor) -> Tensor:
        r"""Forward diffusion coefficient :math:`\sqrt{\beta(t)}`, ``(B, 1, 1, 1)``."""
        return self.beta(t).sqrt()

    def perturb(self, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        r"""Noisy sample :math:`x_t = \alpha_t x_0 + \sigma_t \varepsilon`, shape of ``x_0``."""
        alpha_t, sigma_t = self.marginal(t)
        return alpha_t * x_0 + sigma_t * eps

    def score_from_denoised(self, denoised: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        r"""Tweedie's formula :math:`\nabla_{x_t} \log p_t = (\alpha_t\,\mathrm{denoised} - x_t) / \sigma_t^2`."""
        alpha_t, sigma_t = self.marginal(t)
        return (alpha_t * denoised - x_t) / sigma_t.square()

    def denoised_from_score(self, score: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Inverse of :meth:`score_from_denoised`."""
        alpha_t, sigma_t = self.marginal(t)
        return (x_t + sigma_t.square() * score) / alpha_t

    def eps_from_denoised(self, denoised: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        r"""Noise estimate :math:`(x_t - \alpha_t\,\mathrm{denoised}) / \sigma_t`."""
        alpha_t, sigma_t = self.marginal(t)
        return (x_t - alpha_t * denoised) / sigma_t

    def _log_alpha(self, t: Tensor) -> Tensor:
        if t.ndim != 1:
            raise ValueError(f"expected times of shape (B,), got {tuple(t.shape)}")
        return -0.25 * t.square() * (self.beta_max - self.beta_min) - 0.5 * t * self.beta_min


def _to_maps(values: Tensor) -> Tensor:
    """``(B,)`` to ``(B, 1, 1, 1)``."""
    return values.reshape(-1, 1, 1, 1)
