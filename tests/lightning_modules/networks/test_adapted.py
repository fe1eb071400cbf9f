"""Networks without noise conditioning as backbones, with feature-wise modulation and without."""

import pytest
import torch
from torch import nn

from lightning_modules.diffusion import VPSDE, InputScaling
from lightning_modules.networks import AdaptedClassifier, TappedClassifier


@pytest.fixture
def body():
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 4, 3, 2, 1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 6, 3, 2, 1),
        nn.Flatten(),
    ]
    return nn.Sequential(*layers, nn.Linear(6 * 4 * 4, 10)).eval()


def adapted(body, *modulated):
    return AdaptedClassifier(body, modulated=list(modulated), input_shape=(16, 16), time_width=8).eval()


def test_it_starts_as_the_network_itself(body):
    x, c_noise = torch.randn(2, 1, 16, 16), torch.tensor([-1.0, 0.5])
    expected = body(x.expand(-1, 3, -1, -1))
    assert torch.equal(adapted(body, "0", "3")(x, c_noise), expected)
    assert torch.equal(adapted(body)(x, c_noise), expected)


def test_noise_level_reaches_each_example_and_only_modulated_networks(body):
    x, levels = torch.randn(1, 1, 16, 16).repeat(2, 1, 1, 1), torch.tensor([-1.0, 0.5])
    modulated, plain = adapted(body, "3"), adapted(body)
    nn.init.normal_(modulated.films[0].weight)
    together = modulated(x, levels)
    assert not torch.allclose(together[0], together[1])
    torch.testing.assert_close(modulated(x[:1], levels[:1]), together[:1])
    assert torch.equal(plain(x, levels)[0], plain(x, levels)[1]) and not list(plain.films)


def test_scale_and_shift_are_those_of_the_layer(body):
    modulated = adapted(body, "3")
    with torch.no_grad():
        modulated.films[0].bias.copy_(torch.cat([torch.ones(6), torch.full((6,), 0.5)]))  # twice the map, plus a half
    seen = {}
    handle = body[4].register_forward_hook(lambda module, args, output: seen.update(after=args[0]))
    x = torch.randn(2, 1, 16, 16)
    modulated(x, torch.zeros(2))
    modulated = seen["after"]
    adapted(body)(x, torch.zeros(2))
    handle.remove()
    torch.testing.assert_close(modulated, 2 * seen["after"] + 0.5)


def test_taps_read_what_follows_the_modulation(body):
    modulated = adapted(body, "3")
    with torch.no_grad():
        modulated.films[0].bias.fill_(1.0)
    tapped = TappedClassifier(modulated, InputScaling(VPSDE(), 0.35), ["body.0", "body.3"])
    shapes = tapped.discover((1, 16, 16))
    assert [shape.shape for shape in shapes] == [(4, 8, 8), (6, 4, 4)], "an in-place activation would be refused"
    reading = tapped.read(torch.randn(2, 1, 16, 16), torch.tensor([0.2, 0.8]))
    x = reading.features["body.0"]
    plain = body[3](body[2](body[1](x)))
    torch.testing.assert_close(reading.features["body.3"], 2 * plain + 1)
    assert all(gradient.abs().sum() > 0 for gradient in reading.gradients().values())


@pytest.mark.parametrize(("name", "words"), [("9", "choose submodules"), ("5", "gives no map")])
def test_what_cannot_be_modulated_is_named(body, name, words):
    with pytest.raises(ValueError, match=words):
        adapted(body, name)


def test_a_dry_run_leaves_statistics_and_mode_alone(body):
    before = body[1].running_mean.clone()
    body.train()
    AdaptedClassifier(body, modulated=["0"], input_shape=(16, 16))
    assert body.training and torch.equal(body[1].running_mean, before)
