"""One forward pass of the backbone per evaluation, at most two backward passes, and no trace left on it."""

import copy

import pytest
import torch
from torch import nn

from lightning_modules.diffusion import VPSDE, ClassifierGuidance, Denoiser, Preconditioned, TapDenoiser, dsm_loss
from lightning_modules.networks import ScoreSubnet, Tap, TappedClassifier

BOTH = ["stem", "stages.0.1", "stages.1.1"]
FEATURES = [Tap(name, gradient=False) for name in BOTH]


@pytest.fixture
def inputs(batch):
    return batch(8, 4)


@pytest.fixture
def make(classifier, scaling):
    """``make(taps)`` gives a Score Subnet's denoiser whose head is not zero any more."""

    def make(taps):
        torch.manual_seed(2)
        tapped = TappedClassifier(classifier, scaling, taps)
        subnet = ScoreSubnet(tapped.discover((1, 8, 4)), (8, 4), (8, 16), 1, time_width=8).double()
        nn.init.normal_(subnet.head[2].weight)
        return TapDenoiser(subnet, scaling, Preconditioned(), tapped)

    return make


@pytest.mark.parametrize(("taps", "free", "guided"), [(BOTH, (1, 1), (1, 2)), (FEATURES, (1, 0), (1, 1))])
def test_score_subnet(make, passes, classifier, inputs, taps, free, guided):
    denoiser, y = make(taps), torch.tensor([0, 2])
    passes.watch(classifier).take()
    unguided = denoiser(*inputs)
    assert passes.take() == free
    assert torch.equal(ClassifierGuidance(denoiser, VPSDE(), 0.0)(*inputs, y), unguided)
    assert passes.take() == free
    assert (ClassifierGuidance(denoiser, VPSDE(), 3.0)(*inputs, y) != unguided).any()
    assert passes.take() == guided


def test_separate_classifier(passes, classifier, scaling, inputs):
    class Network(nn.Module):
        def forward(self, x, c_noise):
            return x

    denoiser = Denoiser(Network(), scaling, Preconditioned(), TappedClassifier(classifier, scaling))
    passes.watch(classifier)
    denoiser(*inputs)
    assert passes.take() == (0, 0)
    ClassifierGuidance(denoiser, VPSDE(), 3.0)(*inputs, torch.tensor([0, 2]))
    assert passes.take() == (1, 1)


def test_gradients_are_computed_once(classifier, scaling, passes, inputs):
    reading = TappedClassifier(classifier, scaling, BOTH).read(*inputs)
    assert reading.gradients() is reading.gradients()
    assert passes.take() == (0, 1)


def test_features_alone_build_no_graph(classifier, scaling, inputs):
    seen = []
    classifier.stem.register_forward_hook(lambda module, args, output: seen.append(output.requires_grad))
    TappedClassifier(classifier, scaling, FEATURES).read(*inputs)
    TappedClassifier(classifier, scaling, FEATURES).read(*inputs, differentiable=True)
    TappedClassifier(classifier, scaling, BOTH).read(*inputs)
    assert seen == [False, True, True]


@pytest.mark.parametrize("frozen", [True, False])
def test_training_leaves_the_backbone_alone(make, classifier, inputs, frozen):
    classifier.requires_grad_(not frozen)
    denoiser = make(BOTH)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    x_0, t = inputs
    dsm_loss(denoiser, VPSDE(), x_0, t, torch.ones_like(x_0)).sum().backward()
    ClassifierGuidance(denoiser, VPSDE(), 3.0)(x_0, t, torch.tensor([0, 1]))
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert not any(module._forward_hooks for module in classifier.modules())
    missing = [name for name, parameter in denoiser.network.named_parameters() if parameter.grad is None]
    assert missing == []  # every weight of the subnet is used: DDP needs no search for unused ones


def test_copies_read_their_own_taps(make, inputs):
    denoiser = make(BOTH)
    before, reading = denoiser(*inputs), denoiser.read(*inputs)
    copied = copy.deepcopy(denoiser)
    assert torch.equal(copied(*inputs), before)
    with torch.no_grad():
        copied.classifier.network.stem[1].weight.mul_(-1.5)
    assert torch.equal(denoiser(*inputs), before) and (copied(*inputs) != before).any()
    mine, theirs = denoiser.read(*inputs), copied.read(*inputs)
    for name in BOTH:
        assert torch.equal(mine.features[name], reading.features[name])
        assert torch.equal(mine.gradients()[name], reading.gradients()[name])
        assert (theirs.features[name] != mine.features[name]).any()
        assert (theirs.gradients()[name] != mine.gradients()[name]).any()
