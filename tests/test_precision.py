"""Samples in the Trainer's precision: near those of float32, with weights in float32 everywhere."""

from pathlib import Path

import pytest
import soundfile
import tiny
import torch

from lightning_modules import load_generator
from lightning_modules.networks import ScoreSubnet

STEPS = 8
QUICK = [f"--sampling.num_steps={STEPS}", "--trainer.accelerator=cpu", "--trainer.precision=bf16-mixed"]


@pytest.fixture
def seen(monkeypatch):
    """Whether autocast was on, and the type of taps and output, at every forward pass of a Score Subnet."""
    seen, forward = [], ScoreSubnet.forward

    def watch(self, reading, c_noise, y=None):
        output = forward(self, reading, c_noise, y)
        gradients = {gradient.dtype for gradient in reading.gradients().values()}
        if not torch.is_grad_enabled():
            seen.append((torch.is_autocast_enabled("cpu"), gradients, output.dtype))
        return output

    monkeypatch.setattr(ScoreSubnet, "forward", watch)
    return seen


def test_predict(scoretap, score_subnet, seen):
    data = ["--data=SampleRequests", "--data.init_args.labels=[3]"]
    status, err = scoretap("predict", "--ckpt_path", score_subnet, *data, *QUICK)
    assert status == 0, err
    assert len(seen) == STEPS and all(on and out == torch.bfloat16 for on, _, out in seen)
    assert all(gradients == {torch.bfloat16} for _, gradients, _ in seen), "gradients of taps are in half precision too"
    (file,) = Path("samples").glob("*.wav")
    assert abs(soundfile.read(file)[0]).max() > 0


def test_pictures_while_training(configs, classifier, tmp_path, seen):
    callback = ["--trainer.callbacks+=callbacks.GuidedSampling", "--trainer.callbacks.every_n_epochs=1"]
    settings = ["--trainer.callbacks.labels=[3]", f"--trainer.callbacks.num_steps={STEPS}"]
    given = [f"--model.init_args.classifier={classifier}", "--trainer.precision=bf16-mixed", "--trainer.max_epochs=1"]
    checkpoint = tiny.fit(configs, "score_subnet", tmp_path, *given, *callback, *settings)
    assert [on for on, _, _ in seen[:2]] == [False, False], "the cost report counts before"
    assert len(seen[2:]) >= 2 * STEPS and all(on for on, _, _ in seen[2:])
    stored = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert {tensor.dtype for tensor in stored.values() if tensor.is_floating_point()} == {torch.float32}


@pytest.mark.parametrize("scale", [0.0, 3.0])
@pytest.mark.parametrize("name", ["score_subnet", "unet"])
def test_half_precision_draws_nearly_the_same(name, scale, request):
    """Eight bits of mantissa, eight steps: within 0.05 of values in [-1, 1] on average."""
    generator = load_generator(request.getfixturevalue(name))
    exact = generator.sample([3, 1], guidance_scale=scale, num_steps=STEPS)[1]
    with torch.autocast("cpu", torch.bfloat16):
        rough = generator.sample([3, 1], guidance_scale=scale, num_steps=STEPS)[1]
    assert rough.dtype == torch.float32 and rough.isfinite().all()
    assert 0 < (rough - exact).abs().mean() < 0.05
