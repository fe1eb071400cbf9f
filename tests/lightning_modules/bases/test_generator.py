"""What both generators promise to callbacks, to `predict` and to notebooks."""

import shutil
from functools import partial

import pytest
import tiny
import torch

from lightning_modules import InputError, ScoreSubnetModule, UNetModule, load_generator
from lightning_modules.audio import GriffinLim, LogMel
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.cli import main
from lightning_modules.networks import ScoreSubnet

STEPS = 8


@pytest.fixture(scope="module", params=["score_subnet", "unet"])
def generator(request):
    return load_generator(request.getfixturevalue(request.param))


def counted(module, call):
    """How often ``module`` runs forward during ``call``."""
    calls = []
    handle = module.register_forward_hook(lambda *_: calls.append(1))
    call()
    handle.remove()
    return len(calls)


@pytest.mark.parametrize("scale", [0.0, 3.0])
def test_one_backbone_forward_per_step(generator, scale):
    guided_unet = isinstance(generator, UNetModule) and scale > 0
    expected = STEPS if guided_unet or isinstance(generator, ScoreSubnetModule) else 0
    draw = lambda: generator.sample([3, 1], guidance_scale=scale, num_steps=STEPS)  # noqa: E731
    assert counted(generator.classifier.network, draw) == expected


def test_samples(generator):
    waveforms, mels = generator.sample(labels=[3, 1, 4], guidance_scale=3.0, seed=0, num_steps=STEPS)
    assert waveforms.shape == (3, 16000) and mels.shape == (3, 1, 80, 64)
    assert torch.isfinite(waveforms).all() and waveforms.abs().max() <= 1.0
    assert waveforms.dtype == mels.dtype == torch.float32 and not mels.requires_grad


def test_a_sample_does_not_depend_on_its_neighbours(generator):
    """Bit for bit the same noise; the networks round differently with another batch shape."""
    alone = generator.sample([1], seed=6, num_steps=STEPS)[1]
    among = generator.sample([9, 1, 4], seed=5, num_steps=STEPS)[1][1:2]
    torch.testing.assert_close(among, alone, rtol=0, atol=1e-3)


def test_random_state_is_left_alone(generator):
    state = torch.get_rng_state()
    first = generator.sample([1], num_steps=STEPS)[1]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert torch.equal(generator.sample([1], num_steps=STEPS)[1], first)


def test_sampling_works_under_inference_mode(generator):
    with torch.inference_mode():
        inside = generator.sample([3], num_steps=STEPS)[1]
    assert torch.equal(inside, generator.sample([3], num_steps=STEPS)[1])


@pytest.mark.parametrize("labels", [[11], [-2], [3, 10]])
def test_labels_are_checked(generator, labels):
    with pytest.raises(InputError, match="digits 0 to 9"):
        generator.sample(labels)


@pytest.mark.parametrize("settings", [{"guidance_scale": -1.0}, {"guidance_scale": float("nan")}, {"num_steps": 0}])
def test_settings_are_checked(generator, settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        generator.sample([3], **settings)


def test_vocoder_is_replaceable_but_must_fit(generator):
    quick = GriffinLim(generator.front_end, num_iterations=2)
    before = generator.sample([3], num_steps=STEPS)[0]
    generator.use_vocoder(quick)
    try:
        assert not torch.allclose(generator.sample([3], num_steps=STEPS)[0], before)
        assert not any("vocoder" in name for name, _ in generator.named_modules())
        with pytest.raises(InputError, match="hop_length: 256 against 128"):
            generator.use_vocoder(GriffinLim(LogMel(hop_length=128, num_frames=128)))
    finally:
        generator.use_vocoder(GriffinLim(generator.front_end))


def test_loss_of_one_example_does_not_depend_on_the_rest(generator):
    torch.manual_seed(0)
    x_0, eps, t = 0.35 * torch.randn(3, 1, 80, 64), torch.randn(3, 1, 80, 64), torch.tensor([0.1, 0.5, 0.9])
    together = generator.losses(batch(x_0), t, eps)
    alone = torch.cat([generator.losses(batch(x_0[i : i + 1]), t[i : i + 1], eps[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=0)


def batch(x_0):
    return type("Batch", (), {"x_0": x_0})


def test_fixed_noise_belongs_to_the_item(generator):
    x_0, index = torch.zeros(4, 1, 80, 64), torch.tensor([5, 2, 9, 0])
    t, eps = generator.fixed_noise(x_0, index)
    t_again, eps_again = generator.fixed_noise(x_0[:2], index[[2, 0]])
    assert torch.equal(t_again, t[[2, 0]]) and torch.equal(eps_again, eps[[2, 0]])
    t_many, _ = generator.fixed_noise(torch.zeros(400, 1, 80, 64), torch.arange(400))
    counts = torch.histc(t_many, 4, 0.0, 1.0)
    assert t_many.min() >= generator.sde.t_min and t_many.max() <= 1.0
    assert (counts - 100).abs().max() <= 3, "every noise level is validated equally"


def test_its_classifier_is_read_from_a_file_once(classifier, tmp_path):
    """The description that takes the path's place builds the same module when the file is gone."""
    settings = {"taps": tiny.TAPS, "subnet": partial(ScoreSubnet, **tiny.SUBNET)}
    path = shutil.copy(classifier, tmp_path / "classifier.ckpt")
    module = ScoreSubnetModule(str(path), **settings)
    path.unlink()
    description = module.hparams["classifier"]
    again = ScoreSubnetModule(description, **settings)
    again.load_state_dict(module.state_dict())
    assert again.hparams["classifier"] == description == module.classifier.description
    assert fingerprint(again.classifier.network.state_dict()) == module.classifier.fingerprint
    with pytest.raises(InputError, match="no checkpoint at"):
        ScoreSubnetModule(str(path), **settings)


def test_printing_settings_opens_no_checkpoint(configs, capsys):
    arguments = tiny.fit_arguments(configs, "score_subnet", "out", "--model.init_args.classifier=nowhere.ckpt")
    with pytest.raises(SystemExit) as exit:
        main([*arguments, "--print_config"])
    assert exit.value.code == 0 and "classifier: nowhere.ckpt" in capsys.readouterr().out
