"""A Score Subnet on the taps of a frozen classifier, as a denoiser: what its own module and students share."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from lightning_modules.bases.frozen_classifier import FrozenClassifier
from lightning_modules.diffusion import Parameterization, TapDenoiser
from lightning_modules.errors import InputError
from lightning_modules.networks import ScoreSubnet, Tap, TappedClassifier

Signals = Literal["both", "feature", "gradient", "label"]
SubnetOf = Callable[[list[Any], tuple[int, int]], ScoreSubnet]


class SubnetDenoiser(TapDenoiser):
    """The denoiser of a Score Subnet: what it reads is a classifier with taps."""

    classifier: TappedClassifier
    network: ScoreSubnet


def subnet_on_taps(
    backbone: FrozenClassifier,
    taps: Sequence[str | Tap],
    signals: Signals,
    subnet: SubnetOf,
    parameterization: Parameterization,
) -> SubnetDenoiser:
    """Build a subnet that fits the taps of ``backbone``; its classifier is the backbone with these taps.

    Raises:
        InputError: a tap does not exist, or cannot be read by the subnet.
    """
    feature, gradient = signals != "gradient", signals != "feature"
    chosen = [Tap(tap, feature, gradient) if isinstance(tap, str) else tap for tap in taps]
    try:
        tapped = TappedClassifier(backbone.network, backbone.scaling, chosen)
        network = subnet(tapped.discover(backbone.front_end.shape), backbone.front_end.shape[1:])
    except ValueError as error:
        raise InputError(str(error)) from error
    label_taps = signals == "label" and any(tap.gradient for tap in chosen)
    return SubnetDenoiser(network, backbone.scaling, parameterization, tapped, label_taps)


def signals_title(denoiser: SubnetDenoiser) -> str:
    """What the taps of ``denoiser`` deliver, as it is added to a model's name; empty for features and gradients."""
    signals = {(tap.feature, tap.gradient) for tap in denoiser.classifier.taps}
    if not any(gradient for _, gradient in signals):
        return ", no gradient taps"
    kind = "label taps" if denoiser.label_taps else "gradient taps"
    if not any(feature for feature, _ in signals):
        return f", {kind} alone"
    return ", label taps" if denoiser.label_taps else ""
