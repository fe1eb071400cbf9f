"""Frozen, fine-tuned and random backbones: what trains, what is guarded, what is averaged, what a checkpoint says."""

import pytest
import tiny
import torch

from lightning_modules import load_generator
from lightning_modules.checkpoints.reading import fingerprint, read_checkpoint
from lightning_modules.classifier import ClassifierModule
from lightning_modules.diffusion import VPSDE, InputScaling
from lightning_modules.networks import Classifier, Tap, TappedClassifier

PREFIX = "classifier.network."


def backbone(checkpoint):
    """Stored tensors of the backbone."""
    stored = read_checkpoint(checkpoint)["state_dict"]
    return {name.removeprefix(PREFIX): tensor for name, tensor in stored.items() if name.startswith(PREFIX)}


@pytest.fixture(scope="module")
def runs(configs, classifier, tmp_path_factory):
    """Checkpoints of short runs in each mode."""
    made = {}

    def make(mode, *more):
        if mode not in made:
            given = [f"--model.init_args.classifier={classifier}", f"--model.init_args.backbone_mode={mode}", *more]
            folder = tmp_path_factory.mktemp(mode)
            made[mode] = tiny.fit(configs, "score_subnet", folder, "--trainer.limit_train_batches=3", *given)
        return made[mode]

    return make


def test_fine_tuned_backbone_trains_below_its_deepest_tap_and_is_frozen_above(runs, classifier):
    before = {k.removeprefix("network."): v for k, v in read_checkpoint(classifier)["state_dict"].items()}
    checkpoint = read_checkpoint(runs("fine-tuned"))
    after = backbone(runs("fine-tuned"))
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    averaged = {name.removeprefix(PREFIX) for name in checkpoint["raw_parameters"] if name.startswith(PREFIX)}
    assert moved and moved <= averaged, "what trains is averaged, and nothing else"
    assert {name.split(".")[0] for name in averaged} == {"embedding", "stem", "stages", "downs"}
    assert not any(name.startswith(("bottleneck", "logits")) for name in moved)
    facts = checkpoint["scoretap"]
    start = {name: tensor for name, tensor in before.items() if name in after}
    assert facts["classifier"] == fingerprint(start) and facts["backbone"] == fingerprint(after) != facts["classifier"]


def test_random_backbone_is_frozen_and_knows_nothing_of_the_classifier(runs, classifier):
    before = {k.removeprefix("network."): v for k, v in read_checkpoint(classifier)["state_dict"].items()}
    checkpoint, after = read_checkpoint(runs("random")), backbone(runs("random"))
    assert not any(torch.equal(after[name], before[name]) for name in after if name.endswith("conv1.weight"))
    assert not any(name.startswith(PREFIX) for name in checkpoint["raw_parameters"])
    assert checkpoint["scoretap"]["classifier"] == fingerprint(after)
    generator = load_generator(runs("random"))
    assert generator.classifier.fingerprint == fingerprint(generator.classifier.network.state_dict())
    assert "random backbone" in generator.title


@pytest.mark.parametrize("mode", ["fine-tuned", "random"])
def test_checkpoint_needs_no_other_file_and_goes_on(mode, runs, configs, classifier, tmp_path):
    generator = load_generator(runs(mode))
    for name, tensor in backbone(runs(mode)).items():
        assert torch.equal(generator.classifier.network.state_dict()[name], tensor), name
    given = [f"--model.init_args.classifier={classifier}", f"--model.init_args.backbone_mode={mode}"]
    more = ["--trainer.limit_train_batches=3", "--trainer.max_epochs=3", "--ckpt_path", runs(mode)]
    resumed = tiny.fit(configs, "score_subnet", tmp_path, *given, *more)
    assert read_checkpoint(resumed)["global_step"] == 9
    assert (fingerprint(backbone(resumed)) == fingerprint(backbone(runs(mode)))) == (mode == "random")


def test_nothing_is_fine_tuned_through_gradient_taps(refused, configs, classifier):
    given = [f"--model.init_args.classifier={classifier}", "--model.init_args.backbone_mode=fine-tuned"]
    arguments = tiny.fit_arguments(configs, "score_subnet", "out", *given, "--model.init_args.signals=gradient")
    tiny.check(refused(*arguments), ["fine-tuned", "signals must have features"])


def test_unknown_mode_lists_those_that_exist(refused, configs):
    arguments = tiny.fit_arguments(configs, "score_subnet", "out", "--model.init_args.backbone_mode=frosen")
    tiny.check(refused(*arguments), ["frozen", "fine-tuned", "random", "frosen"])


@pytest.fixture
def tapped():
    torch.manual_seed(0)
    network = Classifier((16, 16), base_channels=8, multipliers=[1, 2], blocks_per_stage=2, bottleneck_blocks=1).eval()
    return TappedClassifier(network, InputScaling(VPSDE(), 0.35), [Tap("stages.0.1"), Tap("stages.1.0", feature=False)])


def test_taps_stay_first_order_while_the_backbone_trains(tapped):
    """Gradient taps are constants: a loss on them alone reaches no parameter."""
    trained = tapped.train_what_features_need((1, 16, 16))
    assert trained == sum(p.numel() for p in tapped.network.parameters() if p.requires_grad) > 0
    reading = tapped.read(torch.randn(2, 1, 16, 16), torch.tensor([0.2, 0.7]))
    gradients = reading.gradients()
    assert not any(gradient.requires_grad for gradient in gradients.values())
    assert reading.features["stages.0.1"].requires_grad
    reading.features["stages.0.1"].square().sum().backward()
    names = {name for name, p in tapped.network.named_parameters() if p.grad is not None}
    assert names == {name for name, p in tapped.network.named_parameters() if p.requires_grad}
    assert {name.rsplit(".", 1)[0] for name in names if name.startswith("stages")} and not any(
        name.startswith("stages.1") for name in names
    )


def test_gradient_of_the_backbone_is_that_of_finite_differences(tapped):
    """Although the gradient tap, a constant in the loss, moves with the weight too."""
    tapped.double().train_what_features_need((1, 16, 16))
    x_t, t = torch.randn(1, 1, 16, 16, dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64)
    weight, name, step = tapped.network.stem[1].weight, "stages.0.1", 1e-6
    reading = tapped.read(x_t, t)
    constant = reading.gradients()["stages.1.0"].mean()
    (reading.features[name].sin() * constant).sum().backward()
    sides = []
    with torch.no_grad():
        for change in (step, -2 * step):
            weight[0, 0, 1, 1] += change
            sides.append((tapped.read(x_t, t).features[name].sin() * constant).sum().item())
    assert weight.grad[0, 0, 1, 1].item() == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-5)


def test_without_gradients_features_are_detached(tapped):
    tapped.train_what_features_need((1, 16, 16))
    with torch.no_grad():
        reading = tapped.read(torch.randn(2, 1, 16, 16), torch.tensor([0.2, 0.7]))
    assert not reading.features["stages.0.1"].requires_grad


def test_patterns_name_several_taps():
    network = Classifier((16, 16), base_channels=8, multipliers=[1, 2], blocks_per_stage=2, bottleneck_blocks=1)

    def names(*taps):
        return [tap.module for tap in TappedClassifier(network, InputScaling(VPSDE(), 0.35), taps).taps]

    assert names("stem", "stages.*.*") == ["stem", "stages.0.0", "stages.0.1", "stages.1.0", "stages.1.1"]
    assert names("stages.-1.*", "stages.0.-2") == ["stages.1.0", "stages.1.1", "stages.0.0"]
    assert names(Tap("stages.*.0", gradient=False)) == ["stages.0.0", "stages.1.0"]
    for wrong in ("stages.-3.0", "stages.*.7", "*.9", "stages.-0.0", ""):
        with pytest.raises(ValueError, match="unknown tap"):
            names(wrong)
    with pytest.raises(ValueError, match="listed twice"):
        names("stages.*.*", "stages.0.1")


def test_classifier_without_noise_conditioning_reads_no_level():
    told, untold = (Classifier((16, 16), base_channels=8, noise_conditioned=value).eval() for value in (True, False))
    x, levels = torch.randn(2, 1, 16, 16), (torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 1.0]))
    assert torch.equal(untold(x, levels[0]), untold(x, levels[1])) and not torch.equal(
        told(x, levels[0]), told(x, levels[1])
    )


def test_clean_training_sees_the_smallest_level_alone():
    module = ClassifierModule(Classifier((80, 64), base_channels=8, patch_size=4), clean=True)
    t, _ = module.training_noise(torch.zeros(64, 1, 80, 64))
    assert (t == module.sde.t_min).all()
    t, _ = module.fixed_noise(torch.zeros(64, 1, 80, 64), torch.arange(64))
    assert t.max() > 0.9
