"""The order of weights in memory changes nothing but rounding, and no checkpoint."""

import pytest
import tiny
import torch

from callbacks import ChannelsLast
from lightning_modules import load_generator
from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.networks import ScoreSubnet

FLAG = "--trainer.callbacks+=callbacks.ChannelsLast"


def layouts(module):
    """Whether each weight of a 3x3 convolution has its channels innermost; of one channel both orders are the same."""
    weights = [weight for weight in module.parameters() if weight.ndim == 4 and min(weight.shape) > 1]
    return [weight.is_contiguous(memory_format=torch.channels_last) for weight in weights]


@pytest.fixture
def maps(monkeypatch):
    """Layouts of the widest map that enters each Score Subnet block, as training and drawing go on."""
    seen, forward = [], ScoreSubnet.forward

    def watch(self, reading, c_noise, *labels):
        seen.append(reading.features["stages.0.0"].is_contiguous(memory_format=torch.channels_last))
        return forward(self, reading, c_noise, *labels)

    monkeypatch.setattr(ScoreSubnet, "forward", watch)
    return seen


def test_training_is_the_same_up_to_rounding(configs, classifier, score_subnet, tmp_path, maps):
    checkpoint = tiny.fit(configs, "score_subnet", tmp_path, f"--model.init_args.classifier={classifier}", FLAG)
    assert maps and sum(maps) >= len(maps) - 2, "all but the dry runs before"
    mine, plain = (tiny.logged(folder, "train/loss") for folder in (tmp_path, score_subnet.parents[2]))
    assert mine == pytest.approx(plain, rel=1e-3)
    stored = read_checkpoint(score_subnet)["state_dict"]
    for name, tensor in read_checkpoint(checkpoint)["state_dict"].items():
        assert tensor.shape == stored[name].shape, name


def test_drawing_is_the_same_up_to_rounding(score_subnet):
    generator = load_generator(score_subnet)
    plain = generator.sample([3, 1], num_steps=8)[1]
    facts = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    ChannelsLast().setup(None, generator, "predict")
    assert all(layouts(generator)) and layouts(generator)
    torch.testing.assert_close(generator.sample([3, 1], num_steps=8)[1], plain, rtol=0, atol=1e-3)
    assert all(torch.equal(tensor, facts[name]) for name, tensor in generator.state_dict().items())


def test_predict(scoretap, score_subnet, maps):
    status, err = scoretap("predict", "--ckpt_path", score_subnet, FLAG, "--sampling.num_steps=8")
    assert status == 0, err
    assert sum(maps) == 8
