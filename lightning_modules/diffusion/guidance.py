"""Guidance by a classifier, or by the network's own labels, as wrappers with a denoiser's own signature."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from lightning_modules.diffusion.guidance_schedules import Constant, GuidanceSchedule
from lightning_modules.diffusion.sde import VPSDE


class GuidableDenoiser(Protocol):
    """A denoiser that shares one classifier reading between its estimate and the class gradient."""

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor: ...

    def read(self, x_t: Tensor, t: Tensor, differentiable: bool = False) -> Any: ...

    def denoise(self, x_t: Tensor, t: Tensor, reading: Any = None, y: Tensor | None = None) -> Tensor: ...


def run_directly(function: Callable[..., Any], *tensors: Tensor) -> Any:
    """Call ``function``."""
    return function(*tensors)


class Guidance(nn.Module, ABC):
    r"""Moves the estimate towards class ``y``; subclasses compute the class gradient.

    .. math:: s(x_t, t) + \gamma \nabla_{x_t} \log p(y \mid x_t, t)
              \iff \mathrm{denoised} + \gamma \frac{\sigma_t^2}{\alpha_t} \nabla_{x_t} \log p(y \mid x_t, t)

    A schedule makes gamma a function of the noise level. At scale 0, without labels, or where the schedule is zero, the
    estimate is the wrapped denoiser's own, and no class gradient is computed. A denoiser that follows labels, by label
    taps, is told them there too, and guidance moves its estimate further; any other is not.

    Args:
        denoiser: gives the estimate and the reading of ``(x_t, t)``.
        sde: diffusion process.
        guidance_scale: gamma, at least 0.
        schedule: share of gamma by noise level (default constant).
        run: how :meth:`estimate` and :meth:`unguided` are run on their tensors, perhaps compiled; what depends on the
            values of ``t``, and the schedule, stays outside.

    Attributes:
        extra_evaluations: evaluations of the denoiser so far beyond one per call.
        extra_per_estimate: the same of one guided call.

    Raises:
        ValueError: ``guidance_scale`` is negative or NaN.
    """

    extra_per_estimate: ClassVar[int] = 0

    def __init__(
        self,
        denoiser: GuidableDenoiser,
        sde: VPSDE,
        guidance_scale: float,
        schedule: GuidanceSchedule | None = None,
        run: Callable[..., Any] = run_directly,
    ) -> None:
        super().__init__()
        if not guidance_scale >= 0:
            raise ValueError(f"expected guidance_scale >= 0, got {guidance_scale}")
        self.denoiser, self.sde, self.guidance_scale = denoiser, sde, guidance_scale
        self.schedule = schedule or Constant()
        self.extra_evaluations = 0
        self._run = run

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Guided estimate of ``x_0``, shape of ``x_t``.

        Args:
            x_t: ``(B, 1, F, L)`` noisy log-Mels.
            t: ``(B,)`` times in [t_min, 1].
            y: ``(B,)`` digits; rows with -1 stay unguided.
        """
        if self.guidance_scale == 0 or y is None or not self.schedule.active(t, self.sde):
            told = () if y is None or not self._follows_labels else (y,)
            unguided: Tensor = self._run(self.unguided, x_t, t, *told)
            return unguided
        denoised, gradient = self._run(self.estimate, x_t, t, y)
        self.extra_evaluations += self.extra_per_estimate
        score = self.sde.score_from_denoised(denoised, x_t, t)
        strength = (self.guidance_scale * self.schedule.factor(t, self.sde, score, gradient)).reshape(-1, 1, 1, 1)
        alpha_t, sigma_t = self.sde.marginal(t)
        return denoised + strength * sigma_t.square() / alpha_t * gradient

    def unguided(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """The wrapped denoiser's own estimate of ``x_0``; of class ``y`` where it is given."""
        return self.denoiser(x_t, t) if y is None else self.denoiser(x_t, t, y)

    @property
    def _follows_labels(self) -> bool:
        return getattr(self.denoiser, "follows_labels", False)

    def _told(self, y: Tensor) -> Tensor | None:
        """The labels that an estimate without guidance is told."""
        return y if self._follows_labels else None

    @abstractmethod
    def estimate(self, x_t: Tensor, t: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Unguided estimate of ``x_0`` and gradient of ``log p(y | x_t)``, zero in rows where ``y`` is -1."""


class ClassifierGuidance(Guidance):
    """Dhariwal and Nichol 2021 (arXiv:2105.05233), in the form of Makarov and Gerkmann 2026 (arXiv:2606.20457)."""

    def estimate(self, x_t: Tensor, t: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Unguided estimate of ``x_0`` and gradient of ``log p(y | x_t)``, both from one reading."""
        reading = self.denoiser.read(x_t, t, differentiable=True)
        denoised = self.denoiser.denoise(x_t, t, reading, self._told(y))
        return denoised, reading.class_gradient(y)


class DenoisedGuidance(ClassifierGuidance):
    r"""Asks the classifier about the denoised estimate, not the noisy input, without differentiating the denoiser.

    .. math:: \nabla_{x_t} \log p(y \mid \hat x_0(x_t))
              = \Bigl(\frac{\partial \hat x_0}{\partial x_t}\Bigr)^{\!\top} \nabla_{\hat x_0} \log p(y \mid \hat x_0)
              \approx \alpha_t \nabla_{\hat x_0} \log p(y \mid \hat x_0, t_\mathrm{min})

    The left side is guidance in the form of Chung et al. 2022 (DPS, arXiv:2209.14687); it needs a backward pass through
    the denoiser. Here the Jacobian is replaced by :math:`\alpha_t`, its value for data of unit variance, under which
    :math:`\mathrm{Var}(x_0 \mid x_t) = \sigma_t^2`: a shortcut like that of He et al. 2023 (MPGD, arXiv:2311.16424), an
    approximation and not the gradient of any density. The estimate so moves by
    :math:`\gamma \sigma_t^2 \nabla \log p(y \mid \hat x_0)`.

    A Score Subnet pays a second forward of its backbone, at the estimate; a network with a separate classifier reads
    that classifier once, as otherwise.
    """

    def estimate(self, x_t: Tensor, t: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Unguided estimate of ``x_0`` and, in place of the gradient, its approximation above."""
        denoised = self.denoiser.denoise(x_t, t, self.denoiser.read(x_t, t), self._told(y))
        reading = self.denoiser.read(denoised, torch.full_like(t, self.sde.t_min), differentiable=True)
        return denoised, self.sde.marginal(t)[0] * reading.class_gradient(y)


class ClassifierFreeGuidance(Guidance):
    r"""Takes as class gradient the difference of the network's own scores with the label and without.

    .. math:: s(x_t, t) + \gamma \bigl(s(x_t, t \mid y) - s(x_t, t)\bigr), \qquad
              s(x_t, t \mid y) - s(x_t, t) = \nabla_{x_t} \log p(y \mid x_t, t)

    Ho and Salimans 2022 (arXiv:2207.12598, Eq. 6). By Bayes' rule gamma is the gamma of classifier guidance: 0 draws
    from the unconditional model, 1 from the class, more goes beyond; their w, of
    :math:`(1 + w)\, s(x_t, t \mid y) - w\, s(x_t, t)`, is gamma - 1. Schedules act on the difference as on a gradient.

    Both estimates come from one forward pass of twice the batch, and count as two evaluations; a Score Subnet's
    backbone, and fusions that do not depend on the label, are computed once. A denoiser that clamps, clamps both.
    One that follows labels is moved from its estimate with the label, so that its gamma is less by 1.
    """

    extra_per_estimate = 1

    def estimate(self, x_t: Tensor, t: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Unguided estimate of ``x_0`` and the difference of scores, zero in rows where ``y`` is -1."""
        reading = self.denoiser.read(x_t, t)
        labels = torch.cat([torch.full_like(y, -1), y])
        both = self.denoiser.denoise(torch.cat([x_t, x_t]), torch.cat([t, t]), reading, labels)
        denoised, conditional = both.chunk(2)
        alpha_t, sigma_t = self.sde.marginal(t)
        difference = alpha_t / sigma_t.square() * (conditional - denoised)
        labelled = (y >= 0).reshape(-1, 1, 1, 1)
        base = conditional if self._follows_labels else denoised
        return base, torch.where(labelled, difference, torch.zeros_like(difference))
