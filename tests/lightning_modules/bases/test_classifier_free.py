"""Classifier-free guidance from training to `predict` and `test`: labels hidden, told, and drawn."""

import csv
import json

import pytest
import tiny
import torch
from tiny import check

from callbacks.cost_report import cost_of
from datamodules.datasets import Batch
from lightning_modules import load_generator
from lightning_modules.evaluation.scoring.generators import GuideAccuracy
from lightning_modules.evaluation.scoring.row_facts import cost_facts, sampling_settings

STEPS = 4
QUICK = [f"--sampling.num_steps={STEPS}", "--trainer.accelerator=cpu"]
PARTS = {"unet": "network", "score_subnet": "subnet"}


def told(name):
    return f"--model.init_args.{PARTS[name]}.init_args.num_classes=10"


@pytest.fixture(scope="module")
def checkpoints(configs, classifier, tmp_path_factory):
    """Of a U-Net without classifier, and of a Score Subnet; both told labels."""
    made = {}
    for name in PARTS:
        given = [f"--model.init_args.classifier={classifier}"] if name == "score_subnet" else []
        made[name] = tiny.fit(configs, name, tmp_path_factory.mktemp(name), told(name), *given)
    return made


@pytest.fixture(params=PARTS)
def name(request):
    return request.param


@pytest.fixture
def generator(checkpoints, name):
    return load_generator(checkpoints[name])


def batch(labels):
    generator = torch.Generator().manual_seed(0)
    x_0 = 0.35 * torch.randn(len(labels), 1, 80, 64, generator=generator)
    return Batch(x_0, torch.tensor(labels), torch.arange(len(labels)))


def heard(generator, y):
    """Labels that the network is told for a batch of labels ``y``."""
    seen = []
    handle = generator.network.register_forward_pre_hook(lambda module, args: seen.append(args[2]))
    generator.measures(batch(y), *generator.training_noise(batch(y).x_0))
    handle.remove()
    return seen[0]


def test_training_hides_labels_and_validation_none(checkpoints):
    generator, y = load_generator(checkpoints["unet"]), [3, 7] * 32
    generator.label_dropout = 0.25
    generator.network.forward = lambda x, c_noise, y: x  # what it computes does not matter here
    assert torch.equal(heard(generator.eval(), y), torch.tensor(y))
    generator.train()
    runs = []
    for step in (0, 0, 1):
        generator.on_train_batch_start(None, step)
        runs.append(torch.cat([heard(generator, y) for _ in range(16)]))
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2]), "a function of seed and batch"
    kept = runs[0] >= 0
    assert torch.equal(runs[0][kept], torch.tensor(y * 16)[kept]) and (runs[0][~kept] == -1).all()
    assert (~kept).float().mean() == pytest.approx(0.25, abs=0.055), "four standard errors of 1,024 labels"


def test_times_and_noise_are_those_of_an_unconditional_network(checkpoints, unet):
    """Hiding is drawn after both, and not at all by a network that is told nothing."""
    states = []
    for path in (checkpoints["unet"], unet):
        module = load_generator(path).train()
        module.on_train_batch_start(None, 5)
        module.network.forward = lambda x, c_noise, y=None: x
        drawn = module.training_noise(batch([1, 2]).x_0)
        before = torch.get_rng_state()
        module.measures(batch([1, 2]), *drawn)
        states.append((drawn, torch.equal(torch.get_rng_state(), before)))
    (one, kept_one), (other, kept_other) = states
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert (kept_one, kept_other) == (False, True)


def test_samples(generator):
    free = generator.sample([3, 1, -1], guidance_scale=0.0, num_steps=STEPS)[1]
    unlabelled = generator.sample([-1, -1, -1], guidance_scale=3.0, num_steps=STEPS)[1]
    assert torch.equal(unlabelled, free), "without a label the unconditional model draws, bit for bit"
    guided = generator.sample([3, 1, -1], guidance_scale=3.0, num_steps=STEPS)[1]
    assert torch.isfinite(guided).all() and (guided[:2] != free[:2]).flatten(1).any(dim=1).all()
    torch.testing.assert_close(guided[2], free[2], rtol=0, atol=1e-3)  # another batch shape rounds differently
    assert generator.draw(torch.tensor([3]), [0], generator.sampling.replace(num_steps=STEPS)).nfe == 2 * STEPS


def test_predict_says_what_guided(scoretap, checkpoints, name):
    data = ["--data=SampleRequests", "--data.init_args.labels=[3,1]"]
    status, err = scoretap("predict", "--ckpt_path", checkpoints[name], *data, *QUICK)
    assert status == 0, err
    with open("samples/manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["guidance"], row["nfe"]) for row in rows} == {("Constant classifier-free", str(2 * STEPS))}


def test_a_row_of_the_table(scoretap, checkpoints, evaluator, tmp_path):
    scoring = {"evaluator": evaluator, "count": 4, "folder": tmp_path / "drawn", "minimum_accuracy": 0}
    scoring |= {"cache_dir": tmp_path / "kept"}
    flags = [f"--scoring.{key}={value}" for key, value in scoring.items()]
    status, err = scoretap("test", "--ckpt_path", checkpoints["unet"], *QUICK, *flags)
    assert status == 0, err
    row = json.loads((tmp_path / "drawn" / "scores.json").read_text())[0]
    assert (row["name"], row["guidance"], row["nfe"]) == (
        "U-Net + labels, γ = 3",
        {"class": "Constant", "settings": {}, "detail": "classifier-free"},
        2 * STEPS,
    )
    assert "accuracy" in row and row["guide_accuracy"] is None


def test_costs(generator, name):
    """The classifier counts where it is read: by the Score Subnet always, for guidance by a classifier alone."""
    generator.sampling = generator.sampling.replace(num_steps=STEPS)
    free, guided = cost_facts(generator, False), cost_facts(generator, True)
    assert (free["nfe"], guided["nfe"]) == (STEPS, 2 * STEPS)
    assert guided["parameters_million"] == free["parameters_million"]
    ratio = guided["gmacs_per_sample"] / free["gmacs_per_sample"]
    assert ratio == pytest.approx(2.0) if name == "unet" else 1.0 < ratio < 1.9
    assert guided["gmacs_per_step"] * guided["nfe"] == pytest.approx(guided["gmacs_per_sample"])
    report = cost_of(generator)
    assert report["cost/gmacs_per_guided_step"] == pytest.approx(guided["gmacs_per_sample"] / STEPS)


def test_the_classifier_guides_where_asked(checkpoints):
    generator = load_generator(checkpoints["score_subnet"])
    generator.sampling = generator.sampling.replace(num_steps=STEPS)
    settings = sampling_settings(generator)
    free = generator.sample([3], num_steps=STEPS)[1]
    clips = [(torch.zeros(1, 16000), torch.tensor([3]))]
    list((guide := GuideAccuracy(generator)).count_hits(clips))
    generator.sampling = generator.sampling.replace(guidance_by="classifier")
    assert (generator.sample([3], num_steps=STEPS)[1] != free).any()
    assert cost_facts(generator, True)["nfe"] == STEPS
    assert sampling_settings(generator)["guidance"] == "Constant" != settings["guidance"], "not drawn into one folder"
    list((asked := GuideAccuracy(generator)).count_hits(clips))
    assert (guide.clips, asked.clips) == (0, 1), "a classifier that did not guide cannot be deceived"


def test_what_cannot_guide_is_refused(refused, checkpoints, score_subnet):
    predict = ["predict", "--data=SampleRequests", "--ckpt_path"]
    check(
        refused(*predict, checkpoints["unet"], "--sampling.guidance_by=classifier"), ["needs a classifier", "has none"]
    )
    check(refused(*predict, score_subnet, "--sampling.guidance_by=classifier_free"), ["trained with labels"])
    check(refused(*predict, checkpoints["unet"], "--sampling.guidance_at=denoised"), ["guidance_at", "classifier-free"])
    check(refused(*predict, checkpoints["unet"], "--sampling.guidance_by=itself"), ["guidance_by"])


def test_digits_that_it_was_not_told(refused, configs, tmp_path):
    seen = "--data.init_args.labels=[3,7]"
    callback = ["--trainer.callbacks+=callbacks.GuidedSampling", "--trainer.callbacks.labels=[4]"]
    arguments = [*tiny.fit_arguments(configs, "unet", "out", told("unet"), seen)]
    check(refused(*arguments, *callback), ["digit 4", "network was trained on [3, 7]"])
    few = told("unet").replace("10", "5")
    check(refused(*tiny.fit_arguments(configs, "unet", "out", few, seen)), ["below 5", "hold 7", "num_classes"])
    checkpoint = tiny.fit(configs, "unet", tmp_path / "unet", told("unet"), seen, "--trainer.max_steps=1")
    request = ["--data=SampleRequests", "--data.init_args.labels=[4]"]
    check(refused("predict", "--ckpt_path", checkpoint, *request), ["digit 4", "network was trained on [3, 7]"])


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_label_dropout_is_checked(share, refused, configs):
    flag = f"--model.init_args.label_dropout={share}"
    check(refused(*tiny.fit_arguments(configs, "unet", "out", flag)), ["label_dropout", "above 0 and below 1"])
