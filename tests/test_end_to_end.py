"""From a classifier to guided speech through the one entry point, as a user would go."""

import csv
import shutil

import numpy as np
import pytest
import soundfile
import tiny
import torch

from lightning_modules import load_generator
from lightning_modules.checkpoints.reading import read_checkpoint

# Euler-Maruyama with fewer than 6 steps is unstable under beta = 20.
GUIDED = ["--sampling.num_steps=8", "--sampling.guidance_scale=3"]
# A 16-bit sample is rounded to within half a step of 1 / 32768.
HALF_STEP = 0.5 / 32768 + 1e-7


def predict(scoretap, checkpoint, folder, *more):
    """Draw to ``folder`` and return the manifest's rows."""
    status, err = scoretap(
        "predict", "--ckpt_path", checkpoint, f"--sample_writer.folder={folder}", "--trainer.accelerator=cpu", *more
    )
    assert status == 0, err
    with open(folder / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def orphans(tmp_path_factory, configs, classifier):
    """Score Subnet and U-Net whose classifier's checkpoint is gone."""
    folder = tmp_path_factory.mktemp("orphans")
    backbone = shutil.copy(classifier, folder / "classifier.ckpt")
    given = f"--model.init_args.classifier={backbone}"
    made = {name: tiny.fit(configs, name, folder / name, given) for name in ("score_subnet", "unet")}
    (folder / "classifier.ckpt").unlink()
    return made


@pytest.mark.parametrize("name", ["score_subnet", "unet"])
def test_predict_needs_the_checkpoint_alone(name, orphans, scoretap, tmp_path):
    rows = predict(scoretap, orphans[name], tmp_path / "samples", *GUIDED)
    assert [row["label"] for row in rows] == [str(digit) for digit in range(10)]
    assert {row["guidance_scale"] for row in rows} == {"3.0"}
    for row in rows:
        waveform, rate = soundfile.read(tmp_path / "samples" / row["file"])
        assert rate == 16000 and waveform.shape == (16000,) and np.abs(waveform).max() > 1e-4


@pytest.mark.parametrize("name", ["score_subnet", "unet"])
def test_notebook_draws_what_predict_writes(name, orphans, scoretap, tmp_path):
    table = tmp_path / "requests.csv"
    table.write_text("label,seed\n3,7\n1,8\n4,9\n")
    data = ["--data=SampleRequests", f"--data.init_args.csv={table}"]
    rows = predict(scoretap, orphans[name], tmp_path / "samples", *GUIDED, *data)
    waveforms, mels = load_generator(orphans[name]).sample(labels=[3, 1, 4], guidance_scale=3.0, seed=7, num_steps=8)
    assert waveforms.shape == (3, 16000) and mels.shape == (3, 1, 80, 64)
    for row, waveform in zip(rows, waveforms, strict=True):
        written, _ = soundfile.read(tmp_path / "samples" / row["file"])
        np.testing.assert_allclose(written, waveform.double().numpy(), atol=2 * HALF_STEP)
    assert [(row["label"], row["seed"]) for row in rows] == [("3", "7"), ("1", "8"), ("4", "9")]


def test_generator_depends_on_label_seed_and_scale(orphans):
    generator = load_generator(orphans["score_subnet"])

    def draw(**changes):
        return generator.sample(**{"labels": [3, 3], "guidance_scale": 3.0, "seed": 0, "num_steps": 8, **changes})[1]

    usual = draw()
    assert torch.equal(usual, draw())
    for changes in ({"labels": [4, 4]}, {"seed": 5}, {"guidance_scale": 0.0}, {"num_steps": 9}):
        assert not torch.allclose(usual, draw(**changes), atol=1e-4), changes
    assert torch.allclose(draw(seed=1)[:1], usual[1:], atol=1e-5)  # the j-th sample has seed + j
    assert torch.equal(draw(labels=[-1, -1]), draw(guidance_scale=0.0))


def test_unguided_unet_needs_no_classifier(configs, scoretap, tmp_path):
    checkpoint = tiny.fit(configs, "unet", tmp_path, "--trainer.max_steps=2")
    assert "classifier" not in read_checkpoint(checkpoint)["scoretap"]
    rows = predict(scoretap, checkpoint, tmp_path / "samples", "--sampling.num_steps=8")
    assert len(rows) == 10 and {row["label"] for row in rows} == {""}
    status, err = scoretap("predict", "--ckpt_path", checkpoint, "--data=SampleRequests", "--data.init_args.labels=[3]")
    assert status == 2 and "needs a classifier" in err


def test_zero_shot_guidance(configs, classifier, scoretap, tmp_path):
    """A generator that was trained on label 4 alone is guided to all ten digits by a classifier that knows them."""
    given = [f"--model.init_args.classifier={classifier}", "--data.init_args.labels=[4]", "--trainer.max_steps=1"]
    checkpoint = tiny.fit(configs, "score_subnet", tmp_path / "four", *given)
    assert read_checkpoint(checkpoint)["scoretap"]["labels"] == [4]
    rows = predict(scoretap, checkpoint, tmp_path / "samples", *GUIDED)
    assert [row["label"] for row in rows] == [str(digit) for digit in range(10)]


def test_checkpoint_holds_plain_values_only(orphans):
    stored = torch.load(orphans["score_subnet"], weights_only=True)
    assert {"state_dict", "hyper_parameters", "scoretap", "raw_parameters"} <= stored.keys()
    description = stored["hyper_parameters"]["classifier"]
    assert description["class_path"] == "lightning_modules.ClassifierModule"
    assert stored["scoretap"]["classifier"] == description["fingerprint"] and len(description["fingerprint"]) == 64
    assert stored["scoretap"]["labels"] == list(range(10))


@pytest.mark.parametrize("name", ["classifier", "score_subnet", "unet"])
def test_losses_are_logged_per_noise_level(name, request):
    folder = request.getfixturevalue(name).parents[2]
    measures = ["loss", "accuracy"] if name == "classifier" else ["loss"]
    for stage in ("train", "val"):
        for measure in measures:
            for level in ("t0.00-0.25", "t0.25-0.50", "t0.50-0.75", "t0.75-1.00"):
                assert len(tiny.logged(folder, f"{stage}/{measure}/{level}")) == 2, (
                    f"one value per epoch of {stage}/{measure}"
                )
    assert len(tiny.logged(folder, "val/loss")) == 2
    assert len(tiny.logged(folder, "train/loss")) == 10
