"""Classifier guidance as a wrapper with a denoiser's own signature."""

from typing import Any, Protocol

from torch import Tensor, nn

from lightning_modules.diffusion.sde import VPSDE


class GuidableDenoiser(Protocol):
    """A denoiser that shares one classifier reading between its estimate and the class gradient."""

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor: ...

    def read(self, x_t: Tensor, t: Tensor, differentiable: bool = False) -> Any: ...

    def denoise(self, x_t: Tensor, t: Tensor, reading: Any = None) -> Tensor: ...


class ClassifierGuidance(nn.Module):
    r"""Moves the estimate towards class ``y``.

    .. math:: s(x_t, t) + \gamma \nabla_{x_t} \log p(y \mid x_t, t)
              \iff \mathrm{denoised} + \gamma \frac{\sigma_t^2}{\alpha_t} \nabla_{x_t} \log p(y \mid x_t, t)

    Dhariwal and Nichol 2021 (arXiv:2105.05233), in the form of Makarov and Gerkmann 2026 (arXiv:2606.20457).
    At scale 0, or without labels, the wrapped denoiser answers alone and no gradient is computed.

    Args:
        denoiser: gives the estimate and the reading of ``(x_t, t)`` from which the class gradient comes.
        sde: diffusion process.
        guidance_scale: gamma, at least 0.

    Raises:
        ValueError: ``guidance_scale`` is negative or NaN.
    """

    def __init__(self, denoiser: GuidableDenoiser, sde: VPSDE, guidance_scale: float) -> None:
        super().__init__()
        if not guidance_scale >= 0:
            raise ValueError(f"expected guidance_scale >= 0, got {guidance_scale}")
        self.denoiser, self.sde, self.guidance_scale = denoiser, sde, guidance_scale

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Guided estimate of ``x_0``, shape of ``x_t``.

        Args:
            x_t: ``(B, 1, F, L)`` noisy log-Mels.
            t: ``(B,)`` times in [t_min, 1].
            y: ``(B,)`` digits; rows with -1 stay unguided.
        """
        if self.guidance_scale == 0 or y is None:
            return self.denoiser(x_t, t)
        reading = self.denoiser.read(x_t, t, differentiable=True)
        denoised = self.denoiser.denoise(x_t, t, reading)
        alpha_t, sigma_t = self.sde.marginal(t)
        return denoised + self.guidance_scale * sigma_t.square() / alpha_t * reading.class_gradient(y)
