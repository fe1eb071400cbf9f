"""The loss of denoising score matching."""

from typing import Protocol

from torch import Tensor

from lightning_modules.diffusion.sde import VPSDE


class TrainableDenoiser(Protocol):
    """A denoiser as the loss uses it: with a weight for every time."""

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor: ...

    def loss_weight(self, t: Tensor) -> Tensor: ...


def dsm_loss(
    denoiser: TrainableDenoiser, sde: VPSDE, x_0: Tensor, t: Tensor, eps: Tensor, y: Tensor | None = None
) -> Tensor:
    r"""Denoising score matching (Vincent 2011; Song et al. 2021, arXiv:2011.13456, Eq. 7) per example.

    .. math:: \ell = \lambda(t)\,\frac1D \lVert \mathrm{denoised}(x_t, t) - x_0 \rVert^2, \qquad
              x_t = \alpha_t x_0 + \sigma_t \varepsilon

    By Tweedie's formula this is :math:`\lambda(t)\,\sigma_t^4 / \alpha_t^2` times the squared error of the score.

    Args:
        denoiser: gives the estimate and its weight lambda(t).
        sde: diffusion process.
        x_0: ``(B, 1, F, L)`` clean log-Mels.
        t: ``(B,)`` times in [t_min, 1].
        eps: standard normal noise, shape of ``x_0``.
        y: ``(B,)`` labels, -1 for none, of a conditional denoiser; without them every example is unlabelled.

    Returns:
        ``(B,)`` losses; one example's value does not depend on the others.
    """
    denoised = denoiser(sde.perturb(x_0, t, eps), t, y)
    return (denoiser.loss_weight(t) * (denoised - x_0).square()).flatten(1).mean(dim=1)
