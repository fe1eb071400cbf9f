"""A student from training to samples: what it learns, what stays frozen, and how it is drawn."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import tiny
import torch
import yaml
from tiny import check

from datamodules.datasets import Batch
from lightning_modules import load_generator
from lightning_modules.checkpoints.reading import build, fingerprint, read_checkpoint
from lightning_modules.checkpoints.run_settings import _of_model
from lightning_modules.command_line.arguments import CONFIGS
from lightning_modules.diffusion.samplers import DDIM, FewStep, NoiseLevels
from lightning_modules.networks.cost import count_gmacs

CPU = ["--trainer.accelerator=cpu"]


def method(name, **init_args):
    return {"class_path": f"lightning_modules.diffusion.distillation.{name}", "init_args": init_args}


@pytest.fixture
def make(score_subnet):
    """``make(**settings)`` builds a student of that teacher, with a critic, that nobody has trained."""

    def make(**settings):
        given = tiny.CONFIGS["student"]["model"]["init_args"]
        usual = {name: given[name] for name in ("taps", "subnet", "methods")} | {"teacher": str(score_subnet)}
        return build("lightning_modules.DistillationModule", **{**usual, **settings})

    return make


@pytest.fixture
def generator(student):
    return load_generator(student)


def test_what_the_checkpoint_says(student, score_subnet):
    facts = read_checkpoint(student)["scoretap"]
    told = facts["student"]
    assert told["source"] == str(score_subnet) and told["guidance_scale"] == 3.0
    assert told["methods"] == ["EndpointRegression", "Adversarial"] and told["evaluations"] == [1, 2, 4]
    assert told["levels"] == NoiseLevels().levels
    assert told["fingerprint"] == fingerprint(load_generator(score_subnet).state_dict())
    assert facts["sampling"]["num_steps"] == 1 and facts["sampling"]["guidance_scale"] == 0.0


def test_frozen_means_frozen(student, generator, score_subnet):
    """The classifier, under the student and under the critic, is the teacher's to the last bit."""
    teacher = load_generator(score_subnet)
    assert fingerprint(generator.classifier.network.state_dict()) == teacher.classifier.fingerprint
    assert not any(name.startswith(("_teacher", "teacher")) for name in read_checkpoint(student)["state_dict"])
    assert not any(parameter.requires_grad for parameter in generator.classifier.parameters())
    assert not generator.classifier.training


def test_student_and_critic_are_trained(student, make):
    """Against the weights that they start from: the student's are the teacher's where they fit."""
    start = make()
    before, after = start.state_dict(), read_checkpoint(student)["state_dict"]
    for kind in ("network.", "critic."):
        names = [name for name, _ in start.named_parameters() if name.startswith(kind)]
        moved = [name for name in names if not torch.equal(before[name], after[name])]
        assert len(moved) >= 0.9 * len(names) > 0
    taken = [name for name in start.network.state_dict() if name.startswith(("blocks", "ups", "head"))]
    theirs = start._teacher.network.state_dict()
    assert taken and all(torch.equal(start.network.state_dict()[name], theirs[name]) for name in taken)


def test_losses_are_logged(configs, student):
    folder = student.parents[2]
    losses = {name: tiny.logged(folder, f"train/{name}") for name in ("loss", "EndpointRegression", "critic")}
    assert len(losses["loss"]) == 10 and len(losses["EndpointRegression"]) == 10
    assert min(losses["critic"]) == 3, "the critic begins at its share of the training"
    assert len(tiny.logged(folder, "val/loss")) == 2 and len(tiny.logged(folder, "val/loss/4_evaluations")) == 2


def test_samples_by_default(generator):
    """One evaluation, no guidance, and the digit as it is asked for."""
    assert isinstance(generator.sampling.sampler, FewStep) and generator.sampling.num_steps == 1
    waveforms, mels = generator.sample([3, 1], seed=5)
    assert waveforms.shape == (2, 16000) and torch.isfinite(mels).all()
    noise_alone = generator.sample([1, 3], seed=5)[1]
    assert (mels != noise_alone).flatten(1).any(dim=1).all()
    assert generator.draw(torch.tensor([3]), [0], generator.sampling).nfe == 1
    assert generator.draw(torch.tensor([3]), [0], generator.sampling.replace(num_steps=4)).nfe == 4
    again = generator.sample([3, 1], guidance_scale=0.0, num_steps=1, seed=5)[1]
    assert torch.equal(mels, again)


def test_drawing_takes_no_gradient(generator, monkeypatch):
    """Features alone: nothing is differentiated."""
    monkeypatch.setattr(torch.autograd, "grad", lambda *args, **kwargs: pytest.fail("a gradient was taken"))
    generator.sample([3])


@pytest.fixture
def manifest():
    def read():
        with open("samples/manifest.csv", newline="") as file:
            return list(csv.DictReader(file))

    return read


def test_predict_knows_how_a_student_is_drawn(scoretap, student, manifest):
    status, err = scoretap("predict", "--ckpt_path", student, *CPU)
    assert status == 0, err
    found = {(row["sampler"], row["num_steps"], row["nfe"], row["guidance_scale"]) for row in manifest()}
    assert found == {("FewStep", "1", "1", "0.0")} and len(manifest()) == 10


def test_a_preset_takes_the_students_own_levels(scoretap, student, manifest):
    data = ["--data=SampleRequests", "--data.init_args.labels=[3]"]
    status, err = scoretap("predict", "--ckpt_path", student, "--config", "sampling/two", *data, *CPU)
    assert status == 0, err
    assert {(row["sampler"], row["num_steps"], row["nfe"]) for row in manifest()} == {("FewStep", "2", "2")}


def test_presets_differ_in_their_number_alone():
    one, two, four = (
        yaml.safe_load((CONFIGS / f"sampling/{name}.yaml").read_text()) for name in ("one", "two", "four")
    )
    assert [preset["sampling"].pop("num_steps") for preset in (one, two, four)] == [1, 2, 4]
    assert one == two == four


def test_a_sampler_that_is_given_wins(scoretap, student, manifest):
    data = ["--data=SampleRequests", "--data.init_args.labels=[3]"]
    given = ["--config", "sampling/ancestral", "--sampling.num_steps=3"]
    status, err = scoretap("predict", "--ckpt_path", student, *given, *data, *CPU)
    assert status == 0, err
    assert {(row["sampler"], row["num_steps"], row["nfe"]) for row in manifest()} == {(DDIM.__name__, "3", "3")}


def test_a_row_of_the_table(scoretap, student, evaluator, tmp_path):
    scoring = {"evaluator": evaluator, "count": 4, "folder": tmp_path / "drawn", "minimum_accuracy": 0}
    scoring |= {"cache_dir": tmp_path / "kept", "batch_size": "auto"}
    flags = [f"--scoring.{key}={value}" for key, value in scoring.items()]
    status, err = scoretap("test", "--ckpt_path", student, *CPU, *flags)
    assert status == 0, err
    row = json.loads((tmp_path / "drawn" / "scores.json").read_text())[0]
    assert (
        row["name"] == row["model"] == "Score Subnet, no gradient taps + labels, distilled at γ = 3" and row["nfe"] == 1
    )
    assert "accuracy" in row and row["guidance_scale"] == 0.0
    assert row["sampler"]["class"] == "FewStep" and row["time_grid"]["class"] == "NoiseLevels"
    assert row["gmacs_per_sample"] == row["gmacs_per_step"]
    assert row["time_grid"]["settings"] == {"levels": NoiseLevels().levels}
    status, err = scoretap("table", tmp_path)
    assert status == 0, err


def test_a_student_of_features_costs_less_than_its_teacher(make):
    light = make()
    costs = [count_gmacs(each.cost_probe(), 1) for each in (light, make(signals="label"), light._teacher)]
    assert costs[0] < 0.8 * costs[1] and costs[0] < 0.8 * costs[2]


UNET = {"decoder_widths": [8, 16], "num_classes": 10, **tiny.NETWORK}
NO_EMBEDDING = {"class_path": "lightning_modules.networks.ScoreSubnet", "init_args": tiny.SUBNET}
KINDS = {
    "label taps": ({"signals": "label", "subnet": NO_EMBEDDING}, "Score Subnet, label taps"),
    "U-Net": ({"network": {"class_path": "lightning_modules.networks.UNet", "init_args": UNET}}, "U-Net + labels"),
    "segments": (
        {"methods": [method("SegmentDistillation", sub_steps=2)], "curriculum": {"evaluations": [2], "renew": 0.0}},
        "Score Subnet, no gradient taps + labels",
    ),
    "live paths": ({}, "Score Subnet, no gradient taps + labels"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_student_learns_and_draws(kind, make):
    """Every weight of the student, and of the critic, gets a gradient; the classifier and the teacher get none."""
    settings, title = KINDS[kind]
    module = make(**{"teaching": {"paths": 0, "num_steps": 2}, **settings}).train()
    torch.nn.init.normal_(module.network.head[2].weight)
    random_stream = torch.Generator().manual_seed(0)
    y = torch.tensor([2, 8, 2, 8])
    batch = Batch(0.35 * torch.randn(4, 1, 80, 64, generator=random_stream), y, torch.arange(4))
    lesson, room = module._lesson(batch), module._room()
    denoised = module.denoiser(lesson.x_t, lesson.now.t, lesson.y)
    loss = torch.stack([each(lesson, denoised, room).mean() for each in module.methods]).sum()
    if module.adversarial is not None:
        loss = loss + module.adversarial.critic_loss(room, batch.x_0, batch.y, denoised, lesson.y)
    loss.backward()
    trained = [module.network, *([module.critic] if module.critic is not None else [])]
    assert [name for part in trained for name, weight in part.named_parameters() if weight.grad is None] == []
    assert all(weight.grad is None for part in (module.classifier, module._teacher) for weight in part.parameters())
    drawn = {label: module.eval().sample([label], seed=1)[1] for label in (2, 8)}
    assert (drawn[2] != drawn[8]).any() and all(torch.isfinite(mel).all() for mel in drawn.values())
    assert module.title == f"{title}, distilled at γ = 3"


def test_guidance_on_top(generator):
    """The classifier guides, where it is asked to; the student cannot guide itself."""
    plain, guided = (generator.sample([3], guidance_scale=scale)[1] for scale in (0.0, 2.0))
    assert (plain != guided).any() and not generator.is_classifier_free()


def test_what_is_refused_at_drawing(refused, student, generator):
    predict = ["predict", "--ckpt_path", student, "--data=SampleRequests", *CPU]
    check(refused(*predict, "--data.init_args.labels=[]", "--data.init_args.count=2"), ["without one", "give labels"])
    check(refused(*predict, "--sampling.guidance_by=classifier_free"), ["guide itself", "leave guidance_by out"])
    check(refused(*predict, "--sampling.num_steps=5"), ["from 1 to 4", "noise levels", "got 5"])


DAMAGE = {
    "scoretap/sampling": [3, None],
    "scoretap/sampling/num_steps": ["many", torch.zeros(1), 0],
    "scoretap/sampling/sampler": [{"class_path": "os.system"}, 7],
    "scoretap/student": ["me"],
    "hyper_parameters/teacher": [{}, 3],
    "hyper_parameters/teacher/source": [3],
}


@pytest.mark.parametrize(("place", "value"), [(place, value) for place, values in DAMAGE.items() for value in values])
def test_a_damaged_checkpoint_is_one_sentence(place, value, student, refused):
    content = torch.load(student, weights_only=True)
    *steps, last = place.split("/")
    holder = content
    for step in steps:
        holder = holder[step]
    holder[last] = value
    damaged = Path.cwd().parent / "damaged.ckpt"
    torch.save(content, damaged)
    refused("predict", "--ckpt_path", damaged, *CPU)


def test_what_is_refused_at_training(refused, configs, score_subnet):
    arguments = tiny.fit_arguments(configs, "student", "out", f"--model.init_args.teacher={score_subnet}")
    check(refused(*arguments, "--trainer.gradient_clip_val=1.0"), ["gradient_clip_val is 1.0", "null"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"teacher": "nowhere.ckpt"}, ["cannot open the teacher", "nowhere.ckpt"]),
        ({"teacher": {"source": "somewhere"}}, ["description", "give the teacher's path"]),
        ({"subnet": NO_EMBEDDING}, ["must be told the digit", "num_classes", "signals label"]),
        ({"taps": ["nowhere"]}, ["nowhere"]),
        ({"taps": None}, ["needs taps", "network for a U-Net"]),
        ({"critic_taps": ["nowhere"]}, ["critic", "nowhere"]),
    ],
)
def test_what_cannot_be_built(make, settings, words):
    with pytest.raises(ValueError) as refusal:  # the command line makes one sentence of it
        make(**settings)
    check(str(refusal.value), words)


def test_a_teacher_needs_a_classifier(make, classifier):
    with pytest.raises(ValueError, match="must be a Score Subnet"):
        make(teacher=str(classifier))


def test_a_run_goes_on_from_the_checkpoint_alone(student, scoretap, tmp_path):
    """The description finds the teacher again; a teacher that was changed since is refused."""
    status, err = scoretap("fit", "--ckpt_path", student, "--trainer.max_steps=11", "--trainer.accelerator=cpu",
                           "--config", "base", "--trainer.gradient_clip_val=null")  # fmt: skip
    assert status == 0, err


def test_a_teacher_is_compared_by_its_weights(student, score_subnet, unet, make, tmp_path):
    """A run goes on where its teacher has moved, and not with another teacher."""
    moved = shutil.copy(score_subnet, tmp_path / "moved.ckpt")
    checkpoint = read_checkpoint(student)

    def differing(teacher):
        return [name for name, *_ in _of_model(checkpoint, make(teacher=str(teacher))) if "teacher" in name]

    assert differing(moved) == [] and differing(unet) == ["model.init_args.teacher"]


def test_listen_draws_a_student_in_its_own_way(scoretap, student):
    status, err = scoretap("listen", f"--model={student}", "--output=out")
    assert status == 0, err
    with open("out/samples/manifest.csv", newline="") as file:
        assert {(row["sampler"], row["nfe"], row["guidance_scale"]) for row in csv.DictReader(file)} == {
            ("FewStep", "1", "0.0")
        }
