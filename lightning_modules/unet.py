"""The U-Net baseline is trained end to end; a separate classifier may guide it."""

from torch import nn

from lightning_modules.audio import LogMel
from lightning_modules.bases.generator import Generator
from lightning_modules.diffusion import VPSDE, Denoiser, InputScaling, Parameterization, TimeDistribution
from lightning_modules.networks import TappedClassifier, UNet
from lightning_modules.optimization import Optimization


class UNetModule(Generator):
    """Trains a score network of its own on the same loss, process and data as the Score Subnet.

    Args:
        network: maps scaled input ``(B, 1, F, L)`` and ``c_noise`` ``(B,)`` to the same shape; default
            :class:`~lightning_modules.networks.UNet` at paper size. One with ``num_classes`` reads labels too.
        classifier: path or name of a classifier checkpoint that guides; null for none.
        sde: diffusion process; a classifier must share it.
        sigma_data: standard deviation of the scaled log-Mels.
        front_end: analysis of the corpus; linked to the data's.
        parameterization: what the network's output means; default preconditioned.
        times: distribution of training times; default uniform.
        optimization: optimiser and learning-rate schedule.
        label_dropout: probability that training hides an example's label from a conditional network, in (0, 1).
    """

    def __init__(
        self,
        network: nn.Module | None = None,
        classifier: str | dict | None = None,
        sde: VPSDE | None = None,
        sigma_data: float = 0.35,
        front_end: LogMel | None = None,
        parameterization: Parameterization | None = None,
        times: TimeDistribution | None = None,
        optimization: Optimization | None = None,
        label_dropout: float = 0.1,
    ) -> None:
        super().__init__(parameterization, times, optimization, label_dropout)
        self.save_hyperparameters()
        self.network = network or UNet()
        self.sde = sde or VPSDE()
        self.scaling = InputScaling(self.sde, sigma_data)
        self.front_end = front_end or LogMel()
        tapped = None
        if classifier is not None:
            guide = self.add_classifier(classifier)
            guide.check_sde(self.sde)
            self.check_front_end(guide.front_end, "its classifier")
            tapped = TappedClassifier(guide.network, guide.scaling)
        self.denoiser = Denoiser(self.network, self.scaling, self.parameterization, tapped)

    @property
    def title(self) -> str:
        return "U-Net + labels" if self.denoiser.conditional else "U-Net"
