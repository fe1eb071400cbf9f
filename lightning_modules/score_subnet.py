"""Score Subnet training on a frozen classifier."""

from collections.abc import Callable
from typing import Any, Literal

from torch import nn

from lightning_modules.diffusion import Parameterization, TapDenoiser, TimeDistribution
from lightning_modules.dsm import DSMModule
from lightning_modules.errors import InputError
from lightning_modules.networks import ScoreSubnet, Tap, TappedClassifier
from lightning_modules.optimization import Optimization


class ScoreSubnetModule(DSMModule):
    """Trains a :class:`~lightning_modules.networks.ScoreSubnet` on a frozen classifier's taps (arXiv:2606.20457).

    Process, scaling and front end are the classifier's own.

    Args:
        classifier: path of a classifier checkpoint; afterwards its description.
        taps: submodules of the classifier to read: names, or ``{module, feature, gradient}``.
        signals: what a tap given by its name alone delivers.
        subnet: the subnet; called with the taps' shapes and the output shape.
        parameterization: what the subnet's output means; default preconditioned.
        times: distribution of training times; default uniform.
        optimization: optimiser and learning-rate schedule.
    """

    def __init__(
        self,
        classifier: str | dict,
        taps: list[str | Tap],
        signals: Literal["both", "feature", "gradient"] = "both",
        subnet: Callable[[list[Any], tuple[int, int]], ScoreSubnet] = ScoreSubnet,
        parameterization: Parameterization | None = None,
        times: TimeDistribution | None = None,
        optimization: Optimization | None = None,
    ) -> None:
        super().__init__(classifier, parameterization, times, optimization)
        self.save_hyperparameters()
        feature, gradient = signals != "gradient", signals != "feature"
        self.taps = [Tap(tap, feature, gradient) if isinstance(tap, str) else tap for tap in taps]
        self._make_subnet = subnet
        if self._classifier_description is not None:
            self.assemble()

    def parts(self, guided: bool) -> list[nn.Module]:
        return super().parts(guided=True)  # the taps are the classifier's own

    @property
    def title(self) -> str:
        signals = {(tap.feature, tap.gradient) for tap in self.taps}
        if not any(gradient for _, gradient in signals):
            return "Score Subnet, no gradient taps"
        return "Score Subnet" if any(feature for feature, _ in signals) else "Score Subnet, gradient taps alone"

    def make_denoiser(self) -> TapDenoiser:
        if self.classifier is None:
            raise InputError("a Score Subnet needs a classifier: give model.init_args.classifier a checkpoint path")
        self.front_end, self.sde = self.classifier.front_end, self.classifier.sde
        try:
            tapped = TappedClassifier(self.classifier.network, self.classifier.scaling, self.taps)
            self.network = self._make_subnet(tapped.discover(self.front_end.shape), self.front_end.shape[1:])
        except ValueError as error:
            raise InputError(str(error)) from error
        return TapDenoiser(self.network, self.classifier.scaling, self.parameterization, tapped)
