"""Compiled evaluations are those of eager mode up to rounding, whatever guides, and follow weights that change."""

import copy

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion import (
    VPSDE,
    ClassifierGuidance,
    Denoiser,
    InputScaling,
    Interval,
    NormMatched,
    Preconditioned,
    Sampling,
    TapDenoiser,
    compiled,
)
from lightning_modules.errors import InputError
from lightning_modules.networks import Classifier, ScoreSubnet, Tap, TappedClassifier, UNet

SHAPE = (1, 16, 16)
SDE = VPSDE()
SCALING = InputScaling(SDE, 0.35)
NETWORK = {"base_channels": 8, "multipliers": [1, 2], "blocks_per_stage": 1, "bottleneck_blocks": 1, "time_width": 16}
TAPS = ["stem", Tap("stages.0.0", gradient=False), Tap("stages.1.0", feature=False)]


def randomized(module):
    """In evaluation mode, without layers of zeros."""
    for parameter in module.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return module.eval()


def make(kind, num_classes=0):
    """A tiny denoiser with random weights; its classifier is frozen, its network is not."""
    torch.manual_seed(0)
    classifier = randomized(Classifier(SHAPE[1:], 10, **NETWORK)).requires_grad_(False)
    if kind == "U-Net":
        network = UNet(decoder_widths=[8, 16], num_classes=num_classes, **NETWORK)
        return Denoiser(randomized(network), SCALING, Preconditioned(), TappedClassifier(classifier, SCALING))
    taps = TAPS if kind == "Score Subnet" else [Tap("stages.1.0", gradient=False)]
    tapped = TappedClassifier(classifier, SCALING, taps)
    widths = {"widths": [8, 16], "blocks_per_tap": 1, "time_width": 16, "num_classes": num_classes}
    subnet = ScoreSubnet(tapped.discover(SHAPE), SHAPE[1:], **widths)
    return TapDenoiser(randomized(subnet), SCALING, Preconditioned(), tapped)


def inputs(batch=4, t=0.5):
    torch.manual_seed(1)
    return torch.randn(batch, *SHAPE), torch.full((batch,), t), torch.tensor([-1, 3, 5, 0])[:batch]


def graphs(denoiser):
    """Numbers of samples of all compiled graphs."""
    return sorted(batch for found in compiled._GRAPHS.get(denoiser, {}).values() for batch in found)


SETTINGS = {
    "unguided": {"guidance_scale": 0.0},
    "guided": {},
    "dynamic threshold": {"clamp": 0.5, "clamp_quantile": 0.9},
    "at denoised": {"guidance_at": "denoised", "clamp": None, "guidance": NormMatched()},
    "classifier-free": {"guidance_by": "classifier_free"},
}
CASES = [("Score Subnet", name) for name in SETTINGS] + [("no gradient taps", "guided"), ("U-Net", "guided")]


@pytest.fixture
def traced(monkeypatch):
    """The traced graph stands for the compiled one, which takes seconds to make."""
    monkeypatch.setattr(torch, "compile", lambda graph, **options: graph)


@torch.no_grad()
def difference(denoiser, settings, backend="eager", **given):
    """Largest difference of the compiled estimate, from one that is as large as data are."""
    x_t, t, y = inputs(**given)
    plain = Sampling(**settings).guide(denoiser, SDE)(x_t, t, y)
    runs = Sampling(**settings, compile=backend).guide(denoiser, SDE)
    found = [runs(x_t, t, y) for _ in range(2)]
    assert torch.equal(*found) and found[0].requires_grad is False
    assert 0.1 < plain.abs().max() < 10
    return (found[0] - plain).abs().max().item()


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_traced_estimates_agree(kind, name, traced):
    denoiser = make(kind, num_classes=10 if name == "classifier-free" else 0)
    assert difference(denoiser, SETTINGS[name]) < 1e-5
    assert graphs(denoiser) == [4]


def test_compiled_estimates_agree():
    denoiser = make("Score Subnet")
    assert difference(denoiser, {}, "aot_eager") < 1e-5
    with torch.no_grad():  # in place, as a moving average is swapped in
        for parameter in denoiser.network.parameters():
            parameter.mul_(0.7)
    assert difference(denoiser, {}, "aot_eager") < 1e-5
    assert graphs(denoiser) == [4], "nothing was compiled again"


@pytest.mark.slow
@pytest.mark.gpu
@pytest.mark.timeout(900)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="inductor takes minutes on a CPU")
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_inductor_agrees(kind, name):
    denoiser = make(kind, num_classes=10 if name == "classifier-free" else 0)
    denoiser.classifier.cuda(), denoiser.network.cuda()
    with torch.device("cuda"), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        assert difference(denoiser, SETTINGS[name], True) < 1e-3


def test_other_weights_make_another_graph(traced):
    denoiser = make("Score Subnet")
    difference(denoiser, {})
    other = copy.deepcopy(denoiser)
    with torch.no_grad():
        other.network.head[2].weight.mul_(3.0)
    assert graphs(other) == [] and difference(other, {}) < 1e-5
    denoiser.network.load_state_dict(other.network.state_dict(), assign=True)
    assert difference(denoiser, {}) < 1e-5


@pytest.mark.parametrize("kind", ["Score Subnet", "U-Net"])
def test_bf16_stands_in_the_graph(kind, traced):
    denoiser = make(kind)
    full = difference(denoiser, {"guidance_scale": 0.0})
    with torch.autocast("cpu", torch.bfloat16):
        assert difference(denoiser, {"guidance_scale": 0.0}) < 0.02
        half = Sampling(0.0, compile="eager").guide(denoiser, SDE)(*inputs())
        with torch.no_grad():
            denoiser.network.head[2].weight.mul_(3.0)  # a cast that was cached would not follow
        assert (Sampling(0.0, compile="eager").guide(denoiser, SDE)(*inputs()) - half).abs().max() > 0.05
    assert full < 1e-5 and graphs(denoiser) == [4, 4]


def test_layout_of_weights(traced):
    denoiser = make("Score Subnet")
    difference(denoiser, {})
    denoiser.classifier.to(memory_format=torch.channels_last)
    denoiser.network.to(memory_format=torch.channels_last)
    assert difference(denoiser, {}) < 1e-5


def test_schedules_stay_outside(traced):
    """One graph where guidance acts and one where it rests; the second is that of no guidance."""
    denoiser, settings = make("Score Subnet"), {"guidance": Interval(0.2, 3.0)}
    assert difference(denoiser, settings, t=0.3) < 1e-5 and difference(denoiser, settings, t=0.9) < 1e-5
    assert graphs(denoiser) == [4, 4]
    assert difference(denoiser, {"guidance_scale": 0.0}) < 1e-5 and difference(denoiser, {"guidance_scale": 5.0}) < 1e-5
    assert graphs(denoiser) == [4, 4]


def test_a_smaller_batch_runs_as_it_is_and_a_larger_one_is_compiled(traced):
    denoiser = make("Score Subnet")
    for batch, expected in ((2, [2]), (1, [2]), (4, [2, 4]), (3, [2, 4]), (2, [2, 4])):
        assert difference(denoiser, {}, batch=batch) < 1e-5
        assert graphs(denoiser) == expected


def test_graphs_go_with_their_denoiser(traced):
    import gc

    before = len(compiled._GRAPHS)
    denoiser = make("Score Subnet")
    difference(denoiser, {})
    assert len(compiled._GRAPHS) == before + 1
    del denoiser
    gc.collect()
    assert len(compiled._GRAPHS) == before


def test_whole_drawings_agree(traced):
    denoiser, seeds = make("Score Subnet"), [5, 6, 7]
    y = torch.tensor([1, -1, 2])
    settings = Sampling(num_steps=5, guidance=Interval(0.2, 3.0))
    plain, same = (
        sampling.draw(denoiser, SDE, SHAPE, y, seeds, torch.device("cpu"))
        for sampling in (settings, settings.replace(compile="eager"))
    )
    assert_close(same.samples, plain.samples, rtol=0, atol=1e-4)
    assert same.nfe == plain.nfe


def test_the_default_compiles_nothing():
    guided = Sampling().guide(make("U-Net"), SDE)
    assert isinstance(guided, ClassifierGuidance) and guided._run is not compiled.CompiledRunner


def test_refusals(monkeypatch):
    with pytest.raises(InputError, match="aot_eager.*got 'fast'"):
        Sampling(compile="fast")
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="compiler.*install g\\+\\+"):
        Sampling(compile=True)
    assert Sampling(compile="eager").compile == "eager"


def test_a_backend_that_fails_is_one_sentence():
    def broken(graph, example_inputs):
        raise RuntimeError("no such chip")

    torch._dynamo.register_backend(broken, name="broken")
    with pytest.raises(InputError, match="by broken.*no such chip.*leave out --sampling.compile"):
        difference(make("U-Net"), {}, "broken")
