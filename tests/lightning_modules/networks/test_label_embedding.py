"""Networks that read labels, beside the same networks without."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lightning_modules.diffusion import VPSDE, ClassifierFreeGuidance, Denoiser, Preconditioned, TapDenoiser, dsm_loss
from lightning_modules.networks import ScoreSubnet, TappedClassifier, UNet
from lightning_modules.networks.blocks import TimeEmbedding
from lightning_modules.networks.cost import count_gmacs

TAPS = ["stem", "stages.0.1", "stages.1.1"]
Y = torch.tensor([0, 2])
NONE = torch.tensor([-1, -1])


@pytest.fixture(params=["unet", "score_subnet"])
def make(request, classifier, scaling):
    """``make(num_classes)`` gives a denoiser whose head is not zero any more."""

    def make(num_classes=3):
        torch.manual_seed(2)
        tapped, network = TappedClassifier(classifier, scaling, TAPS), None
        if request.param == "unet":
            network = UNet((4, 8), 4, (1, 2), 1, 1, 8, num_classes=num_classes).double()
        else:
            shapes = tapped.discover((1, 8, 4))
            network = ScoreSubnet(shapes, (8, 4), (8, 16), 1, time_width=8, num_classes=num_classes).double()
        nn.init.normal_(network.head[2].weight)
        kind = Denoiser if request.param == "unet" else TapDenoiser
        return kind(network, scaling, Preconditioned(), tapped)

    return make


@pytest.fixture
def inputs(batch):
    return batch(8, 4)


def test_without_classes_there_is_nothing_new(make, inputs):
    denoiser = make(0)
    assert not denoiser.conditional and not any("classes" in name for name in denoiser.network.state_dict())
    assert torch.equal(denoiser(*inputs, Y), denoiser(*inputs))


def test_classes_add_one_vector_each_and_one_for_no_label(make):
    sizes = [sum(p.numel() for p in make(classes).network.parameters()) for classes in (0, 3)]
    assert sizes[1] - sizes[0] == (3 + 1) * 8


def test_labels_are_read_and_no_label_is_a_row_of_its_own(make, inputs):
    denoiser = make()
    free = denoiser(*inputs)
    assert torch.equal(denoiser(*inputs, NONE), free)
    for y in (Y, Y.flip(0), torch.tensor([1, 1])):
        assert (denoiser(*inputs, y) != free).flatten(1).any(dim=1).all()
    mixed = denoiser(*inputs, torch.tensor([-1, 2]))
    assert_close(mixed[:1], free[:1]) and assert_close(mixed[1:], denoiser(*inputs, Y)[1:])


def test_guided_is_the_formula(make, inputs):
    denoiser = make()
    free = denoiser(*inputs)
    assert torch.equal(ClassifierFreeGuidance(denoiser, VPSDE(), 0.0)(*inputs, Y), free)
    for scale in (1.0, 3.0):
        guided = ClassifierFreeGuidance(denoiser, VPSDE(), scale)(*inputs, Y)
        assert_close(guided, free + scale * (denoiser(*inputs, Y) - free))
    unlabelled = ClassifierFreeGuidance(denoiser, VPSDE(), 3.0)(*inputs, NONE)
    assert_close(unlabelled, free, rtol=1e-12, atol=1e-12)


def test_one_forward_of_each_network(make, classifier, passes, inputs):
    """The subnet's backbone is read once, with the gradients of its taps; a U-Net's classifier is not asked."""
    denoiser = make()
    expected = (1, 1) if isinstance(denoiser, TapDenoiser) else (0, 0)
    passes.watch(classifier).take()
    seen = []
    denoiser.network.register_forward_hook(lambda *_: seen.append(1))
    ClassifierFreeGuidance(denoiser, VPSDE(), 3.0)(*inputs, Y)
    assert passes.take() == expected and len(seen) == 1


def test_cost(make, classifier, inputs):
    """Twice a U-Net; less than twice a Score Subnet, whose reading is shared."""
    denoiser = make()
    free = count_gmacs(denoiser, *inputs)
    guided = count_gmacs(ClassifierFreeGuidance(denoiser, VPSDE(), 3.0), *inputs, Y)
    if isinstance(denoiser, TapDenoiser):
        reading = count_gmacs(lambda: denoiser.read(*inputs).gradients())
        assert guided < 2 * free - reading < 2 * free
    else:
        assert guided == pytest.approx(2 * free)


@pytest.mark.parametrize("y", [Y, NONE, None])
def test_every_weight_has_a_gradient(make, inputs, y):
    """DDP needs no search for unused weights, whatever labels a batch has."""
    denoiser = make()
    x_0, t = inputs
    dsm_loss(denoiser, VPSDE(), x_0, t, torch.ones_like(x_0), y).sum().backward()
    assert [name for name, weight in denoiser.network.named_parameters() if weight.grad is None] == []
    rows = denoiser.network.get_parameter(_classes(denoiser.network)).grad.abs().sum(dim=1) > 0
    assert rows.tolist() == ([True, False, True, False] if y is Y else [False, False, False, True])


def _classes(network):
    return next(name for name, _ in network.named_parameters() if name.endswith("classes.weight"))


def test_negative_number_of_classes():
    with pytest.raises(ValueError, match="num_classes"):
        TimeEmbedding(8, num_classes=-1)
