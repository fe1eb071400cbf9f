"""Label taps from training to samples: labels hidden, drawn without guidance, refused where unknown."""

import pytest
import tiny
import torch
from tiny import check

from lightning_modules import load_generator

LABEL = "--model.init_args.signals=label"
STEPS = 4


@pytest.fixture(scope="module")
def checkpoint(configs, classifier, tmp_path_factory):
    given = f"--model.init_args.classifier={classifier}"
    return tiny.fit(configs, "score_subnet", tmp_path_factory.mktemp("label_taps"), LABEL, given)


@pytest.fixture
def generator(checkpoint):
    return load_generator(checkpoint)


def test_training_hides_labels_and_validation_none(generator):
    seen, classifier = [], generator.denoiser.classifier
    read = classifier.read

    def watched(*args):
        reading = read(*args)
        asked = reading.asked
        reading.asked = lambda y: (seen.append(y), asked(y))[1]
        return reading

    classifier.read, y = watched, torch.tensor([3, 7] * 32)
    random_stream = torch.Generator().manual_seed(0)
    x_0 = torch.randn(64, 1, 80, 64, generator=random_stream)
    generator.label_dropout, batch = 0.25, type("Batch", (), {"x_0": x_0, "y": y})
    generator.eval().losses(batch, torch.full((64,), 0.5), x_0)
    generator.train().losses(batch, torch.full((64,), 0.5), x_0)
    assert torch.equal(seen[0], y)
    hidden = seen[1] == -1
    assert 5 <= int(hidden.sum()) <= 27 and torch.equal(seen[1][~hidden], y[~hidden])


def test_samples_without_guidance_follow_labels(generator):
    """The weights are hardly trained: what counts is that the label moves the sample, and its absence does not."""
    torch.nn.init.normal_(generator.network.head[2].weight)
    drawn = {y: generator.sample([y], guidance_scale=0.0, num_steps=STEPS)[1] for y in (3, 1, -1)}
    assert all(torch.isfinite(x).all() for x in drawn.values())
    assert (drawn[3] != drawn[1]).any() and (drawn[3] != drawn[-1]).any()
    assert generator.labels_to_ask(generator.sampling.replace(guidance_scale=0.0)) == list(range(10))
    assert generator.title == "Score Subnet, label taps"


def test_predict_at_scale_zero(scoretap, checkpoint):
    status, err = scoretap(
        "predict", "--ckpt_path", checkpoint, "--sampling.guidance_scale=0", f"--sampling.num_steps={STEPS}"
    )
    assert status == 0, err


def test_a_label_that_the_classifier_does_not_know(refused, configs, tmp_path):
    seen = "--data.init_args.labels=[3,7]"
    known = tiny.fit(configs, "classifier", tmp_path / "c", seen, "--trainer.max_steps=1")
    given = [LABEL, f"--model.init_args.classifier={known}", "--trainer.max_steps=1", seen]
    checkpoint = tiny.fit(configs, "score_subnet", tmp_path / "s", *given)
    request = ["--data=SampleRequests", "--data.init_args.labels=[4]", "--sampling.guidance_scale=0"]
    check(refused("predict", "--ckpt_path", checkpoint, *request), ["digit 4", "classifier was trained on [3, 7]"])
