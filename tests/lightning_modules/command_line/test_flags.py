"""What the command line gives wins over what a checkpoint stored; what it does not give comes from there."""

import csv

import pytest
import tiny

from callbacks import SampleWriter
from lightning_modules import ScoreSubnetModule, cli, trainer_cli
from lightning_modules.diffusion.samplers import EulerMaruyama


class CountingSampler(EulerMaruyama):
    """A user's own sampler; counts its calls."""

    calls = 0

    def __init__(self, name: str = "plain") -> None:
        self.name = name

    def __call__(self, *args, **kwargs):
        CountingSampler.calls += 1
        return super().__call__(*args, **kwargs)


@pytest.fixture
def settled(monkeypatch, capfd, tmp_path):
    """Parses and instantiates a command without running it; returns the LightningCLI object."""
    seen = []
    monkeypatch.setattr(trainer_cli.ScoretapCLI, "_run_subcommand", lambda self, subcommand: seen.append(self))
    monkeypatch.chdir(tmp_path)

    def run(*args):
        assert cli.main([str(arg) for arg in args]) == 0, capfd.readouterr().err
        return seen[-1]

    return run


@pytest.mark.parametrize("order", ["flag first", "checkpoint first"])
def test_sampling_flags(order, settled, score_subnet):
    flags = ["--sampling.num_steps=17", "--sampling.guidance_scale", "1.5", "--sampling.clamp=null"]
    checkpoint = ["--ckpt_path", score_subnet]
    sampling = settled("predict", *(flags + checkpoint if order == "flag first" else checkpoint + flags)).model.sampling
    assert (sampling.num_steps, sampling.guidance_scale, sampling.clamp) == (17, 1.5, None)


def test_sampling_defaults_are_the_papers(settled, score_subnet):
    sampling = settled("predict", "--ckpt_path", score_subnet).model.sampling
    assert (sampling.num_steps, sampling.guidance_scale, type(sampling.sampler)) == (100, 3.0, EulerMaruyama)


def test_request_flags(settled, score_subnet):
    data = [
        "--data=SampleRequests",
        "--data.init_args.labels=[7,2]",
        "--data.init_args.seed=40",
        "--data.init_args.count=2",
    ]
    requests = settled("predict", "--ckpt_path", score_subnet, *data).datamodule.requests
    assert requests.y.tolist() == [7, 7, 2, 2] and requests.seed.tolist() == [40, 41, 40, 41]


def test_model_flags_win_over_the_checkpoint(settled, score_subnet):
    flag = "--model.init_args.optimization.learning_rate=0.25"
    for args in ([flag, "--ckpt_path", score_subnet], ["--ckpt_path", score_subnet, flag]):
        model = settled("test", *args).model
        assert model.optimization.learning_rate == 0.25
        assert model.optimization.warmup_steps == 3, "what no flag names stays as stored"


def test_a_config_with_a_model_stands_instead_of_the_stored_one(settled, classifier, tmp_path):
    network = "{class_path: lightning_modules.networks.Classifier, init_args: {base_channels: 8, multipliers: [1, 2], "
    network += "blocks_per_stage: 1, bottleneck_blocks: 1, time_width: 16, patch_size: 2}}"
    whole = f"model: {{class_path: lightning_modules.ClassifierModule, init_args: {{network: {network}}}}}\n"
    (tmp_path / "whole.yaml").write_text(whole)
    model = settled("test", "--ckpt_path", classifier, "--config", tmp_path / "whole.yaml").model
    assert model.network.logits[3].p == 0.0 and model.optimization.warmup_steps == 0, "nothing stored leaks in"


def test_a_config_with_a_difference_changes_the_stored_model(settled, classifier, tmp_path):
    (tmp_path / "part.yaml").write_text(
        "model: {init_args: {label_smoothing: 0.2}}\ndata: {init_args: {batch_size: 5}}\n"
    )
    run = settled("test", "--ckpt_path", classifier, "--config", tmp_path / "part.yaml")
    assert run.model.label_smoothing == 0.2 and run.model.network.logits[3].p == 0.1
    assert run.datamodule.batch_size == 5


def test_data_flags_win_over_the_checkpoint(settled, score_subnet, digits_root):
    datamodule = settled(
        "validate", "--ckpt_path", score_subnet, "--data.init_args.batch_size=5", "--data.init_args.seed=9"
    ).datamodule
    assert (datamodule.batch_size, datamodule.seed, datamodule.root) == (5, 9, digits_root)


@pytest.mark.parametrize("command", ["validate", "test"])
@pytest.mark.parametrize("name", ["classifier", "score_subnet", "unet", "evaluator"])
def test_evaluation_reads_class_and_data_from_the_checkpoint(command, name, request, scoretap, tmp_path):
    status, err = scoretap(command, "--ckpt_path", request.getfixturevalue(name), "--trainer.accelerator=cpu")
    assert status == 0, err
    assert not list(tmp_path.rglob("*.*")), "evaluation leaves nothing behind"


def test_validate_repeats_the_loss_of_the_last_epoch(settled, score_subnet, capfd, monkeypatch, tmp_path):
    """Weights, data and noise of validation are those of training: the same number comes out."""
    run = settled("validate", "--ckpt_path", score_subnet, "--trainer.accelerator=cpu")
    again = run.trainer.validate(run.model, run.datamodule, ckpt_path=str(score_subnet), verbose=False)[0]["val/loss"]
    assert again == pytest.approx(list(tiny.logged(score_subnet.parents[2], "val/loss").values())[-1], rel=1e-6)


def test_a_run_folder_stands_for_its_last_checkpoint(settled, score_subnet):
    assert isinstance(settled("predict", "--ckpt_path", score_subnet.parents[1]).model, ScoreSubnetModule)


def test_sampler_swapped_on_the_command_line(scoretap, score_subnet, tmp_path):
    CountingSampler.calls = 0
    flags = [
        "--sampling.sampler=test_flags.CountingSampler",
        "--sampling.sampler.init_args.name=mine",
        "--sampling.num_steps=8",
    ]
    status, err = scoretap("predict", "--ckpt_path", score_subnet, *flags, "--trainer.accelerator=cpu")
    assert status == 0, err
    with open("samples/manifest.csv", newline="") as file:
        assert {row["sampler"] for row in csv.DictReader(file)} == {"CountingSampler"}
    assert CountingSampler.calls == 1


def test_configs_compose_and_later_ones_win(settled, configs, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "model: {init_args: {label_smoothing: 0.2, optimization: {learning_rate: 0.5}}}\n"
    )
    files = ["base", "logger/csv", configs / "data.yaml", configs / "classifier.yaml", tmp_path / "mine.yaml"]
    run = settled("fit", *[word for file in files for word in ("--config", file)], "--trainer.max_epochs=1")
    assert run.model.label_smoothing == 0.2 and run.model.optimization.learning_rate == 0.5
    assert run.model.network.widths == [8, 16], "a file that holds only the difference keeps the rest"
    names = {type(callback).__name__ for callback in run.trainer.callbacks}
    assert {"EMA", "FrozenGuard", "NonFiniteGuard", "CostReport", "ModelCheckpoint"} <= names


def test_front_end_is_given_once_with_the_data(settled, configs):
    front_end = '{"class_path": "lightning_modules.audio.LogMel", "init_args": {"f_max": 7000.0}}'
    files = [configs / "data.yaml", configs / "classifier.yaml"]
    composed = [word for file in files for word in ("--config", file)]
    run = settled("fit", *composed, f"--data.init_args.front_end={front_end}", "--trainer.max_epochs=1")
    assert run.model.front_end.settings == run.datamodule.front_end.settings
    assert run.model.front_end.f_max == 7000.0


def test_writer_folder_is_a_flag(settled, score_subnet):
    run = settled("predict", "--ckpt_path", score_subnet, "--sample_writer.folder=elsewhere")
    assert [str(c.folder) for c in run.trainer.callbacks if isinstance(c, SampleWriter)] == ["elsewhere"]
