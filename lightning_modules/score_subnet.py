"""The Score Subnet is trained on the taps of a classifier, which is frozen, or for comparison fine-tuned or random."""

from torch import nn

from lightning_modules.bases.frozen_classifier import BackboneMode
from lightning_modules.bases.generator import Generator
from lightning_modules.bases.subnet_on_taps import Signals, SubnetDenoiser, SubnetOf, signals_title, subnet_on_taps
from lightning_modules.diffusion import Parameterization, TimeDistribution
from lightning_modules.errors import InputError
from lightning_modules.networks import ScoreSubnet, Tap
from lightning_modules.optimization import Optimization


class ScoreSubnetModule(Generator):
    """Trains a :class:`~lightning_modules.networks.ScoreSubnet` on a frozen classifier's taps (arXiv:2606.20457).

    Diffusion process, input scaling and front end are the classifier's. The same backbone guides: a random one knows no
    digits, and one that is fine-tuned by this loss alone may forget them. Compare such models without guidance.

    Args:
        classifier: path or name of a classifier checkpoint; checkpoints of this module store its description instead.
        taps: submodules of the classifier to read: names, or ``{module, feature, gradient}``; ``stages.-1.*`` names
            every block of the last stage.
        signals: what a tap delivers that is given by its name only: its feature, its gradient, both, or the feature and
            the gradient of the label that is asked for: ``label``, which training hides in ``label_dropout`` of clips.
        backbone_mode: ``frozen`` is the method; ``fine-tuned`` also trains the layers that the feature taps depend on,
            in evaluation mode and without second derivatives; ``random`` freezes weights that nobody trained.
        subnet: the subnet; called with the taps' shapes and the output shape.
        parameterization: what the subnet's output means; default preconditioned.
        times: distribution of training times; default uniform.
        optimization: optimiser and learning-rate schedule.
        label_dropout: probability that training hides an example's label from label taps and from a conditional
            network, in (0, 1).
    """

    denoiser: SubnetDenoiser

    def __init__(
        self,
        classifier: str | dict,
        taps: list[str | Tap],
        signals: Signals = "both",
        subnet: SubnetOf = ScoreSubnet,
        parameterization: Parameterization | None = None,
        times: TimeDistribution | None = None,
        optimization: Optimization | None = None,
        backbone_mode: BackboneMode = "frozen",
        label_dropout: float = 0.1,
    ) -> None:
        super().__init__(parameterization, times, optimization, label_dropout)
        self.save_hyperparameters()
        backbone = self.add_classifier(classifier, backbone_mode)
        self.front_end, self.sde = backbone.front_end, backbone.sde
        self.denoiser = subnet_on_taps(backbone, taps, signals, subnet, self.parameterization)
        self.network, tapped = self.denoiser.network, self.denoiser.classifier
        self.taps = tapped.taps
        if backbone_mode == "fine-tuned" and not tapped.train_what_features_need(self.front_end.shape):
            raise InputError("nothing of the backbone is fine-tuned through gradient taps: signals must have features")

    def parts(self, guided: bool) -> list[nn.Module]:
        assert self.classifier is not None
        return [self.network, self.classifier]  # the taps are the classifier's own

    @property
    def title(self) -> str:
        backbone = "" if self.backbone_mode == "frozen" else f", {self.backbone_mode} backbone"
        labels = " + labels" if self.denoiser.conditional else ""
        return f"Score Subnet{backbone}{signals_title(self.denoiser)}{labels}"
