"""The Score Subnet is trained on the taps of a classifier, which is frozen, or for comparison fine-tuned or random."""

from collections.abc import Callable
from typing import Any, Literal

from torch import nn

from lightning_modules.bases.frozen_classifier import BackboneMode
from lightning_modules.bases.generator import Generator
from lightning_modules.diffusion import Parameterization, TapDenoiser, TimeDistribution
from lightning_modules.errors import InputError
from lightning_modules.networks import ScoreSubnet, Tap, TappedClassifier
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

    def __init__(
        self,
        classifier: str | dict,
        taps: list[str | Tap],
        signals: Literal["both", "feature", "gradient", "label"] = "both",
        subnet: Callable[[list[Any], tuple[int, int]], ScoreSubnet] = ScoreSubnet,
        parameterization: Parameterization | None = None,
        times: TimeDistribution | None = None,
        optimization: Optimization | None = None,
        backbone_mode: BackboneMode = "frozen",
        label_dropout: float = 0.1,
    ) -> None:
        super().__init__(parameterization, times, optimization, label_dropout)
        self.save_hyperparameters()
        feature, gradient = signals != "gradient", signals != "feature"
        self.taps = [Tap(tap, feature, gradient) if isinstance(tap, str) else tap for tap in taps]
        backbone = self.add_classifier(classifier, backbone_mode)
        self.front_end, self.sde = backbone.front_end, backbone.sde
        try:
            tapped = TappedClassifier(backbone.network, backbone.scaling, self.taps)
            self.network = subnet(tapped.discover(self.front_end.shape), self.front_end.shape[1:])
        except ValueError as error:
            raise InputError(str(error)) from error
        if backbone_mode == "fine-tuned" and not tapped.train_what_features_need(self.front_end.shape):
            raise InputError("nothing of the backbone is fine-tuned through gradient taps: signals must have features")
        label_taps = signals == "label" and any(tap.gradient for tap in self.taps)
        self.denoiser = TapDenoiser(self.network, backbone.scaling, self.parameterization, tapped, label_taps)

    def parts(self, guided: bool) -> list[nn.Module]:
        assert self.classifier is not None
        return [self.network, self.classifier]  # the taps are the classifier's own

    @property
    def title(self) -> str:
        return self._title_by_signals() + (" + labels" if self.denoiser.conditional else "")

    def _title_by_signals(self) -> str:
        signals = {(tap.feature, tap.gradient) for tap in self.taps}
        name = "Score Subnet" if self.backbone_mode == "frozen" else f"Score Subnet, {self.backbone_mode} backbone"
        if not any(gradient for _, gradient in signals):
            return f"{name}, no gradient taps"
        kind = "label taps" if self.denoiser.follows_labels else "gradient taps"
        if not any(feature for feature, _ in signals):
            return f"{name}, {kind} alone"
        return f"{name}, label taps" if self.denoiser.follows_labels else name
