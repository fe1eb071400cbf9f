"""The committed paper-size configurations have the parameters and the cost of the paper's Table 1.

Networks live on the meta device: shapes flow, backward passes too, but nothing is computed.
"""

from importlib import import_module
from pathlib import Path

import pytest
import torch
import yaml

from lightning_modules.diffusion import (
    VPSDE,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    Denoiser,
    InputScaling,
    Preconditioned,
    TapDenoiser,
)
from lightning_modules.networks import Tap, TappedClassifier
from lightning_modules.networks.cost import count_gmacs, count_parameters

EXPERIMENTS = Path(__file__).parents[3] / "configs" / "experiments"
SHAPE = (1, 80, 64)
SDE = VPSDE()


def settings(*experiments):
    """The model's settings of an experiment, and of ablations laid over it."""
    result = {}
    for name in experiments:
        lay(yaml.safe_load((EXPERIMENTS / f"{name}.yaml").read_text())["model"]["init_args"], result)
    return result


def lay(over, under):
    """Put nested settings over others, in place."""
    for name, value in over.items():
        if isinstance(value, dict) and isinstance(under.get(name), dict):
            lay(value, under[name])
        else:
            under[name] = value


def instantiate(node, **more):
    """The object that ``class_path`` and ``init_args`` describe, nested ones too."""
    arguments = {
        name: instantiate(value) if isinstance(value, dict) and "class_path" in value else value
        for name, value in node.get("init_args", {}).items()
    }
    module, name = node["class_path"].rsplit(".", 1)
    return getattr(import_module(module), name)(**arguments, **more)


@pytest.fixture(autouse=True)
def meta():
    with torch.device("meta"):
        yield


@pytest.fixture
def scaling():
    return InputScaling(SDE, 0.35)


@pytest.fixture
def backbone():
    network = instantiate(settings("classifier")["network"], input_shape=SHAPE[1:], num_classes=10)
    return network.eval().requires_grad_(False)


@pytest.fixture
def denoiser(request, backbone, scaling):
    model = settings(*request.param.split())
    if "taps" not in model:
        return Denoiser(instantiate(model["network"]), scaling, Preconditioned(), TappedClassifier(backbone, scaling))
    feature, gradient = model["signals"] != "gradient", model["signals"] != "feature"
    tapped = TappedClassifier(backbone, scaling, [Tap(name, feature, gradient) for name in model["taps"]])
    subnet = instantiate(model["subnet"], taps=tapped.discover(SHAPE), output_shape=SHAPE[1:])
    return TapDenoiser(subnet, scaling, Preconditioned(), tapped)


def cost(denoiser, guidance_scale, kind=ClassifierGuidance):
    inputs = torch.randn(1, *SHAPE), torch.full((1,), 0.5), torch.zeros(1, dtype=torch.long)
    return count_gmacs(kind(denoiser, SDE, guidance_scale), *inputs)


@pytest.mark.parametrize(
    ("denoiser", "trained", "total", "gmacs", "guided_gmacs"),
    [
        ("unet", 16.6, 24.5, 14.56, 22.74),
        ("score_subnet", 4.4, 12.3, 12.07, 16.44),
        ("score_subnet features_only", 4.0, 11.9, 7.71, 11.50),
    ],
    indirect=["denoiser"],
)
def test_table_1(denoiser, backbone, trained, total, gmacs, guided_gmacs):
    own = count_parameters(denoiser.network)
    assert own.trainable == own.total == pytest.approx(trained * 1e6, rel=0.05)
    assert own.total + count_parameters(backbone).total == pytest.approx(total * 1e6, rel=0.05)
    assert cost(denoiser, 0.0) == pytest.approx(gmacs, rel=0.08)
    assert cost(denoiser, 3.0) == pytest.approx(guided_gmacs, rel=0.08)


@pytest.mark.parametrize(
    ("denoiser", "trained", "gmacs", "guided_gmacs"),
    [("unet unet_cfg", 16.80, 14.79, 29.58), ("score_subnet score_subnet_cfg", 4.48, 11.71, 14.73)],
    indirect=["denoiser"],
)
def test_classifier_free(denoiser, trained, gmacs, guided_gmacs):
    """What the configs say: labels cost nothing, guidance a second evaluation, of the Score Subnet's own part only."""
    assert denoiser.conditional and count_parameters(denoiser.network).total == pytest.approx(trained * 1e6, rel=1e-3)
    assert cost(denoiser, 0.0) == pytest.approx(gmacs, rel=1e-3)
    assert cost(denoiser, 3.0, ClassifierFreeGuidance) == pytest.approx(guided_gmacs, rel=1e-3)


def test_every_skip_is_tapped():
    """The stem and the nine block outputs: the places where a U-Net has skip connections."""
    blocks = [f"stages.{stage}.{block}" for stage in range(3) for block in range(3)]
    assert settings("score_subnet")["taps"] == ["stem", *blocks]


def test_classifier(backbone):
    parameters = count_parameters(backbone)
    assert parameters.total == pytest.approx(7.9e6, rel=0.05) and parameters.trainable == 0
    inputs = torch.randn(1, *SHAPE), torch.zeros(1)
    assert count_gmacs(backbone, *inputs) == pytest.approx(4.08, rel=0.01)
    guidance = 22.74 - 14.56  # the paper's U-Net with and without: a forward and a backward pass of the classifier
    assert 2.0 * count_gmacs(backbone, *inputs) == pytest.approx(guidance, rel=0.01)


def test_evaluator():
    """ResNeXt-29 8x64d as in the SC09 benchmark's evaluator: 34.43 M parameters and 5.39 GMACs per clip."""
    network = instantiate(settings("evaluator")["network"], num_classes=10).eval()
    assert count_parameters(network).total == pytest.approx(34.43e6, rel=0.001)
    assert count_gmacs(network, torch.randn(1, 1, 32, 32)) == pytest.approx(5.39, rel=0.01)
