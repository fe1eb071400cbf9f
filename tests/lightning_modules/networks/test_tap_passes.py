"""One forward pass of the backbone per evaluation, at most two backward passes, and no trace left on it."""

import copy
import weakref

import pytest
import torch
from torch import nn

from lightning_modules.diffusion import (
    VPSDE,
    ClassifierGuidance,
    DenoisedGuidance,
    Denoiser,
    Interval,
    NormMatched,
    Preconditioned,
    TapDenoiser,
    dsm_loss,
)
from lightning_modules.networks import ScoreSubnet, Tap, TappedClassifier
from lightning_modules.networks.cost import count_gmacs

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
    ClassifierGuidance(denoiser, VPSDE(), 3.0, NormMatched())(*inputs, y)
    assert passes.take() == guided
    assert torch.equal(ClassifierGuidance(denoiser, VPSDE(), 3.0, Interval(50.0, 90.0))(*inputs, y), unguided)
    assert passes.take() == free, "nothing is paid where the schedule rests"
    assert (DenoisedGuidance(denoiser, VPSDE(), 3.0)(*inputs, y) != unguided).any()
    assert passes.take() == (free[0] + 1, free[1] + 1)


def test_separate_classifier(passes, classifier, scaling, inputs):
    class Network(nn.Module):
        def forward(self, x, c_noise):
            return x

    denoiser = Denoiser(Network(), scaling, Preconditioned(), TappedClassifier(classifier, scaling))
    passes.watch(classifier)
    denoiser(*inputs)
    assert passes.take() == (0, 0)
    for kind in (ClassifierGuidance, DenoisedGuidance):
        kind(denoiser, VPSDE(), 3.0)(*inputs, torch.tensor([0, 2]))
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


@pytest.fixture
def saved():
    """Counts the values that graphs store for backward passes and that are still in use."""

    class Value:
        def __init__(self, tensor):
            self.tensor = tensor.detach()  # with its graph it would hold itself
            kept.add(self)

    kept = weakref.WeakSet()
    with torch.autograd.graph.saved_tensors_hooks(Value, lambda value: value.tensor):
        yield kept


def test_graphs_are_released_with_the_last_gradient(classifier, scaling, inputs, saved):
    tapped = TappedClassifier(classifier, scaling, BOTH)
    reading = tapped.read(*inputs)
    before = len(saved)
    reading.gradients()
    training = len(saved)
    assert training < 0.3 * before, "what lies behind the finest tap is all that may stay"
    reading = tapped.read(*inputs, differentiable=True)
    reading.gradients()
    assert len(saved) >= before
    reading.class_gradient(torch.tensor([0, 1]))
    del reading
    assert len(saved) == 0


@pytest.mark.parametrize("kind", [ClassifierGuidance, DenoisedGuidance])
def test_an_evaluation_leaves_no_graph(make, inputs, saved, kind):
    denoiser = make(BOTH)
    with torch.no_grad():
        for scale in (0.0, 3.0):
            assert not kind(denoiser, VPSDE(), scale)(*inputs, torch.tensor([0, 2])).requires_grad
            assert len(saved) == 0


@pytest.mark.parametrize("kind", [ClassifierGuidance, DenoisedGuidance])
def test_gradients_of_weights_are_never_formed(make, classifier, inputs, kind):
    """A backbone whose weights could have gradients costs no multiplication more than one whose weights cannot."""
    guided, costs = kind(make(BOTH), VPSDE(), 3.0), []
    for trainable in (False, True):
        classifier.requires_grad_(trainable)
        costs.append(count_gmacs(guided, *inputs, torch.tensor([0, 2])))
    assert costs[0] == costs[1] > 0


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
