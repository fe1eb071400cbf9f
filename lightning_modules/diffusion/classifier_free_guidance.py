"""Guidance by a network that is told the label, without a classifier."""

import torch
from torch import Tensor

from lightning_modules.diffusion.guidance import Guidance


class ClassifierFreeGuidance(Guidance):
    r"""The class gradient is the difference of the network's own scores with the label and without.

    .. math:: s(x_t, t) + \gamma \bigl(s(x_t, t \mid y) - s(x_t, t)\bigr), \qquad
              s(x_t, t \mid y) - s(x_t, t) = \nabla_{x_t} \log p(y \mid x_t, t)

    Ho and Salimans 2022 (arXiv:2207.12598, Eq. 6). By Bayes' rule gamma is the gamma of classifier guidance: 0 draws
    from the unconditional model, 1 from the class, more goes beyond; their w, of
    :math:`(1 + w)\, s(x_t, t \mid y) - w\, s(x_t, t)`, is gamma - 1. Schedules act on the difference as on a gradient.

    Both estimates come from one forward pass of twice the batch, and count as two evaluations; a Score Subnet's
    backbone and fusions, which do not depend on the label, are computed once. A denoiser that clamps, clamps both.
    """

    extra_per_estimate = 1

    def estimate(self, x_t: Tensor, t: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Unconditional estimate of ``x_0`` and the difference of scores, zero in rows where ``y`` is -1."""
        reading = self.denoiser.read(x_t, t)
        labels = torch.cat([torch.full_like(y, -1), y])
        both = self.denoiser.denoise(torch.cat([x_t, x_t]), torch.cat([t, t]), reading, labels)
        denoised, conditional = both.chunk(2)
        alpha_t, sigma_t = self.sde.marginal(t)
        difference = alpha_t / sigma_t.square() * (conditional - denoised)
        labelled = (y >= 0).reshape(-1, 1, 1, 1)
        return denoised, torch.where(labelled, difference, torch.zeros_like(difference))
