"""A Score Subnet on label taps: with every fusion, with guidance on top, compiled, and at the price of one reading."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lightning_modules.diffusion import (
    VPSDE,
    Clamp,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    DenoisedGuidance,
    Preconditioned,
    Sampling,
    TapDenoiser,
    dsm_loss,
)
from lightning_modules.networks import Add, Concat, CrossAttention, ScoreSubnet, Tap, TappedClassifier

NAMES = ["stem", "stages.0.1", "stages.1.1"]
Y, NONE = torch.tensor([0, 2]), torch.tensor([-1, -1])


@pytest.fixture
def inputs(batch):
    return batch(8, 4)


@pytest.fixture
def make(classifier, scaling):
    """``make(label_taps)`` gives a denoiser whose head is not zero any more; the weights are always the same."""

    def make(label_taps=True, fusion=None, taps=NAMES, num_classes=0):
        torch.manual_seed(2)
        tapped = TappedClassifier(classifier, scaling, taps)
        settings = {"time_width": 8, "fusion": fusion, "num_classes": num_classes}
        subnet = ScoreSubnet(tapped.discover((1, 8, 4)), (8, 4), (8, 16), 1, **settings).double()
        nn.init.normal_(subnet.head[2].weight)
        return TapDenoiser(subnet, scaling, Preconditioned(), tapped, label_taps)

    return make


@pytest.mark.parametrize("fusion", [CrossAttention(), Concat(), Add()], ids=lambda fusion: type(fusion).__name__)
def test_labels_act_through_the_taps(make, inputs, fusion):
    denoiser, plain = make(fusion=fusion), make(False, fusion)
    assert denoiser.follows_labels and not plain.follows_labels
    free = denoiser(*inputs)
    assert torch.equal(free, plain(*inputs)) and torch.equal(denoiser(*inputs, NONE), free)
    assert torch.equal(plain(*inputs, Y), free), "gradient taps know no label"
    asked = denoiser(*inputs, Y)
    assert (asked != free).flatten(1).any(dim=1).all() and (denoiser(*inputs, Y.flip(0)) != asked).any()
    mixed = denoiser(*inputs, torch.tensor([-1, 2]))
    assert_close(mixed, torch.cat([free[:1], asked[1:]]))


def test_gradients_alone(make, inputs):
    denoiser = make(taps=[Tap(name, feature=False) for name in NAMES])
    assert (denoiser(*inputs, Y) != denoiser(*inputs)).any()


def test_one_backward_pass_gives_taps_and_condition(make, classifier, passes, inputs):
    denoiser = make()
    passes.watch(classifier).take()
    denoiser(*inputs, Y)
    assert passes.take() == (1, 1)
    ClassifierGuidance(denoiser, VPSDE(), 0.0)(*inputs, Y)
    assert passes.take() == (1, 1)
    ClassifierGuidance(denoiser, VPSDE(), 3.0)(*inputs, Y)
    assert passes.take() == (1, 2), "guidance on top shares the reading"
    ClassifierFreeGuidance(denoiser, VPSDE(), 3.0)(*inputs, Y)
    assert passes.take() == (1, 2)


@pytest.mark.parametrize("kind", [ClassifierGuidance, DenoisedGuidance, ClassifierFreeGuidance])
def test_guidance_adds_to_the_label(make, inputs, kind):
    """At scale 0 it is the estimate of the label; the shift is proportional to the scale."""
    denoiser = Clamp(make(), 50.0)
    asked = denoiser(*inputs, Y)
    estimates = [kind(denoiser, VPSDE(), scale)(*inputs, Y) for scale in (0.0, 1.0, 3.0)]
    assert torch.equal(estimates[0], asked)
    assert (estimates[1] != asked).flatten(1).any(dim=1).all()
    assert_close(estimates[2] - asked, 3.0 * (estimates[1] - asked))
    unlabelled = kind(denoiser, VPSDE(), 3.0)(*inputs, NONE)
    assert_close(unlabelled, denoiser(*inputs), rtol=1e-12, atol=1e-12)


def test_classifier_free_guidance_is_the_formula(make, inputs):
    denoiser = make(num_classes=3)
    free, asked = denoiser(*inputs), denoiser(*inputs, Y)
    guided = ClassifierFreeGuidance(denoiser, VPSDE(), 2.0)(*inputs, Y)
    assert_close(guided, asked + 2.0 * (asked - free))


def test_compiled_evaluations_are_the_same(make, inputs):
    denoiser, y = make(), Y
    for scale in (0.0, 3.0):
        plain, compiled = (Sampling(scale, compile=how).guide(denoiser, VPSDE()) for how in (False, "eager"))
        with torch.no_grad():
            assert_close(compiled(*inputs, y), plain(*inputs, y))
            assert_close(compiled(*inputs, NONE), plain(*inputs, NONE))


@pytest.mark.parametrize("y", [Y, NONE, None])
def test_training_reaches_every_weight_and_none_of_the_backbone(make, classifier, inputs, y):
    classifier.requires_grad_(True)
    denoiser = make()
    x_0, t = inputs
    dsm_loss(denoiser, VPSDE(), x_0, t, torch.ones_like(x_0), y).sum().backward()
    assert [name for name, weight in denoiser.network.named_parameters() if weight.grad is None] == []
    assert all(parameter.grad is None for parameter in classifier.parameters())
