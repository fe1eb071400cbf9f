"""The critic on features of a frozen classifier: its gradient reaches the sample and never the frozen weights."""

import pytest
import torch

from lightning_modules.networks import Critic, Tap, TappedClassifier

NAMES = ["stem", "stages.0.1", "stages.1.1"]


@pytest.fixture
def tapped(classifier, scaling):
    classifier.requires_grad_(False)
    return TappedClassifier(classifier, scaling, [Tap(name, gradient=False) for name in NAMES])


@pytest.fixture
def critic(tapped):
    torch.manual_seed(0)
    return Critic(tapped.discover((1, 8, 4)), num_classes=3, width=8).double()


Y = torch.tensor([0, 2])


def test_a_map_of_logits_per_tap(critic, tapped, batch):
    logits = critic(tapped.features(*batch(8, 4)), Y)
    assert [tuple(one.shape) for one in logits] == [(2, 8, 4), (2, 8, 4), (2, 4, 2)]
    other = critic(tapped.features(*batch(8, 4)), Y.flip(0))
    assert all((a != b).any() for a, b in zip(logits, other, strict=True)), "the label matters to every head"


def test_the_gradient_reaches_the_sample_and_no_frozen_weight(critic, tapped, classifier, batch):
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    x_t, t = batch(8, 4)
    x_t.requires_grad_()
    loss = torch.stack([one.sum() for one in critic(tapped.features(x_t, t), Y)]).sum()
    loss.backward()
    assert (x_t.grad != 0).flatten(1).any(dim=1).all()
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in classifier.parameters())
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert [name for name, parameter in critic.named_parameters() if parameter.grad is None] == []
    assert not any(module._forward_hooks for module in classifier.modules())


def test_the_gradient_against_finite_differences(critic, tapped, batch):
    x_t, t = batch(8, 4)

    def total(x):
        return torch.stack([one.mean() for one in critic(tapped.features(x, t), Y)]).sum()

    x = x_t.clone().requires_grad_()
    total(x).backward()
    for position in ((0, 0, 0, 0), (1, 0, 5, 2)):
        move = torch.zeros_like(x_t)
        move[position] = 1e-6
        with torch.no_grad():
            slope = (total(x_t + move) - total(x_t - move)) / 2e-6
        torch.testing.assert_close(x.grad[position], slope, rtol=1e-5, atol=1e-9)


def test_recordings_alone_build_no_graph(tapped, batch):
    assert not any(h.requires_grad for h in tapped.features(*batch(8, 4)).values())


def test_no_taps():
    with pytest.raises(ValueError, match="at least one tap"):
        Critic([])
