"""Making a denoiser of a network: input scaling, output scaling, and the call signature that samplers use."""

from typing import Any, Protocol

from torch import Tensor, nn

from lightning_modules.diffusion.parameterizations import Parameterization
from lightning_modules.diffusion.sde import VPSDE


class InputScaling:
    r"""Scales the input of a network; classifiers and score networks share it, so that one forward pass serves both.

    .. math:: c_\mathrm{in} = (\sigma_t^2 + \alpha_t^2 \sigma_d^2)^{-1/2}, \qquad
              c_\mathrm{noise} = \tfrac14 \log(\sigma_t / \alpha_t)

    EDM's scales (Karras et al. 2022, arXiv:2206.00364, Table 1): inputs of unit variance at every noise level, where
    ``sigma_data`` is the standard deviation of the scaled log-Mels.
    """

    def __init__(self, sde: VPSDE, sigma_data: float) -> None:
        if sigma_data <= 0:
            raise ValueError(f"expected sigma_data > 0, got {sigma_data}")
        self.sde, self.sigma_data = sde, sigma_data

    def __call__(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled input, shape of ``x_t``, and ``c_noise`` ``(B,)`` of ``x_t`` ``(B, 1, F, L)`` at ``t`` ``(B,)``."""
        alpha_t, sigma_t = self.sde.marginal(t)
        c_in = (sigma_t.square() + alpha_t.square() * self.sigma_data**2).rsqrt()
        return c_in * x_t, -self.sde.log_snr(t) / 8.0


class ReadableClassifier(Protocol):
    """A classifier whose one pass over ``(x_t, t)``, the reading, holds its logits, features and gradients."""

    def read(self, x_t: Tensor, t: Tensor, differentiable: bool = False) -> Any: ...


class Denoiser:
    r"""Estimates the clean log-Mel, with a network and a classifier that its owner holds and saves.

    .. math:: \mathrm{denoised} = c_\mathrm{skip} x_t + c_\mathrm{out} F(c_\mathrm{in} x_t, c_\mathrm{noise})

    Args:
        network: maps scaled input ``(B, 1, F, L)`` and ``c_noise`` ``(B,)`` to ``(B, 1, F, L)``; one with an attribute
            ``num_classes`` above 0 takes labels ``(B,)`` too, -1 for none.
        scaling: input scaling.
        parameterization: output scaling.
        classifier: read once per evaluation where class guidance asks for it.

    Attributes:
        follows_labels: whether the estimate without guidance is that of the label that is asked for. Otherwise labels
            act through guidance alone, also on a network that reads them.
    """

    follows_labels: bool = False

    def __init__(
        self,
        network: nn.Module,
        scaling: InputScaling,
        parameterization: Parameterization,
        classifier: ReadableClassifier | None = None,
    ) -> None:
        self.network, self.classifier = network, classifier
        self.scaling, self.parameterization = scaling, parameterization

    @property
    def conditional(self) -> bool:
        """Whether the network reads labels."""
        return getattr(self.network, "num_classes", 0) > 0

    def read(self, x_t: Tensor, t: Tensor, differentiable: bool = False) -> Any:
        """The classifier's reading of ``(x_t, t)``; ``differentiable`` where class gradients will be taken of it."""
        return self.classifier.read(x_t, t, differentiable) if differentiable and self.classifier else None

    def denoise(self, x_t: Tensor, t: Tensor, reading: Any = None, y: Tensor | None = None) -> Tensor:
        """Estimate of ``x_0``, shape of ``x_t``, given a reading made for the same ``(x_t, t)``.

        It is that of class ``y`` ``(B,)`` where the network is conditional and the label is not -1.
        """
        alpha_t, sigma_t = self.scaling.sde.marginal(t)
        c_skip, c_out = self.parameterization.output_scales(alpha_t, sigma_t, self.scaling.sigma_data)
        return c_skip * x_t + c_out * self.raw_output(x_t, t, reading, y).to(x_t.dtype)

    def raw_output(self, x_t: Tensor, t: Tensor, reading: Any, y: Tensor | None) -> Tensor:
        """The network's output F before scaling."""
        return self.network(*self.scaling(x_t, t), *self._labels(y))

    def _labels(self, y: Tensor | None) -> tuple[Tensor | None, ...]:
        return (y,) if self.conditional else ()

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Unguided estimate of ``x_0``; an unconditional network ignores ``y``: wrappers share the signature."""
        return self.denoise(x_t, t, self.read(x_t, t), y)

    def loss_weight(self, t: Tensor) -> Tensor:
        r"""DSM weight :math:`\lambda(t) = c_\mathrm{out}^{-2}`, ``(B, 1, 1, 1)``."""
        alpha_t, sigma_t = self.scaling.sde.marginal(t)
        return self.parameterization.output_scales(alpha_t, sigma_t, self.scaling.sigma_data)[1].square().reciprocal()


class TapDenoiser(Denoiser):
    """A denoiser whose network reads the classifier's taps, not the input itself: ``network(reading, c_noise)``.

    Args:
        network: maps a reading and ``c_noise`` ``(B,)`` to ``(B, 1, F, L)``.
        scaling: input scaling.
        parameterization: output scaling.
        classifier: read once per evaluation.
        label_taps: whether gradient taps are those of the label that is asked for.
    """

    def __init__(
        self,
        network: nn.Module,
        scaling: InputScaling,
        parameterization: Parameterization,
        classifier: ReadableClassifier | None = None,
        label_taps: bool = False,
    ) -> None:
        super().__init__(network, scaling, parameterization, classifier)
        self.label_taps = self.follows_labels = label_taps

    def read(self, x_t: Tensor, t: Tensor, differentiable: bool = False) -> Any:
        assert self.classifier is not None, "a TapDenoiser needs a classifier to read"
        return self.classifier.read(x_t, t, differentiable)

    def raw_output(self, x_t: Tensor, t: Tensor, reading: Any, y: Tensor | None) -> Tensor:
        # Gradients are computed here, once: a compiled network could not compute them.
        if self.label_taps:
            reading = reading.asked(y)
        else:
            reading.gradients()
        return self.network(reading, self.scaling(x_t, t)[1], *self._labels(y))
