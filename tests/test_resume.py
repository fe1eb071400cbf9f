"""A run that was killed continues the same loss curve."""

import pytest
import tiny
import torch
import yaml
from lightning.pytorch import Callback

from lightning_modules.checkpoints.reading import read_checkpoint

SETTINGS = {
    "score_subnet": [],
    "unet": [],
    "evaluator": ["--model.init_args.augmentation=lightning_modules.audio.SpeechAugmentation"],
    "vocoder": [],
    "student": [],
    "one_cycle": ["--model.init_args.optimization.schedule=one_cycle"],
}


class Killed(BaseException):
    """Ends a run like a kill: no handler of ``Exception`` catches it and tidies up."""


class Kill(Callback):
    """Ends a run in the third epoch, when two are saved."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.current_epoch == 2 and batch_idx == 2:
            raise Killed


class KillAt(Callback):
    """Ends a run before a given step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step:
            raise Killed


def train(configs, name, folder, *more):
    return tiny.fit(configs, name, folder, "--trainer.max_epochs=3", *more)


@pytest.fixture(scope="module")
def whole_run(configs, tmp_path_factory):
    """Trains a classifier that nothing stops, once for the same flags; its last checkpoint."""
    runs = {}

    def run(*flags):
        flags = tuple(flag for flag in flags if "num_workers" not in flag)
        if flags not in runs:
            runs[flags] = train(configs, "classifier", tmp_path_factory.mktemp("whole"), *flags)
        return runs[flags]

    return run


@pytest.mark.parametrize("case", SETTINGS)
def test_killed_and_resumed_run_continues_the_curve(case, configs, classifier, score_subnet, tmp_path):
    name = "classifier" if case == "one_cycle" else case
    given = list(SETTINGS[case])
    if name == "student":
        given.append(f"--model.init_args.teacher={score_subnet}")
    if name in ("score_subnet", "unet"):
        given.append(f"--model.init_args.classifier={classifier}")
    straight = train(configs, name, tmp_path / "straight", *given)
    with pytest.raises(Killed):
        train(configs, name, tmp_path / "killed", *given, "--trainer.callbacks+=test_resume.Kill")
    killed = tmp_path / "killed" / "run" / "checkpoints" / "last.ckpt"
    assert read_checkpoint(killed)["global_step"] == 10
    resumed = train(configs, name, tmp_path / "resumed", *given, "--ckpt_path", killed)
    for metric in ("train/loss", "val/loss"):
        whole, rest = (tiny.logged(tmp_path / run, metric) for run in ("straight", "resumed"))
        third = {step: value for step, value in whole.items() if step >= 10}
        assert len(third) == (5 if metric == "train/loss" else 1)
        assert rest == pytest.approx(third, rel=1e-6), metric
    for part in ("state_dict", "raw_parameters"):
        expected, found = read_checkpoint(straight)[part], read_checkpoint(resumed)[part]
        for key, tensor in expected.items():
            torch.testing.assert_close(found[key], tensor, rtol=1e-5, atol=1e-7, msg=f"{part} {key}")


@pytest.mark.parametrize(
    ("every", "killed_at", "more"),
    [
        pytest.param(4, 9, [], id="within an epoch"),
        pytest.param(4, 9, ["--trainer.max_steps=15"], id="within an epoch of a run counted in steps"),
        pytest.param(5, 7, [], id="at the end of an epoch"),
        pytest.param(
            5,
            7,
            ["--trainer.max_epochs=-1", "--trainer.max_steps=18"],
            id="at the end of an epoch of a run counted in steps",
        ),
        pytest.param(
            1, 6, ["--trainer.max_epochs=-1", "--trainer.max_steps=18"], id="after every step of a run counted in steps"
        ),
        pytest.param(4, 5, ["--trainer.limit_train_batches=3"], id="within an epoch cut short"),
        pytest.param(4, 9, ["--data.init_args.num_workers=1"], id="with a worker"),
        pytest.param(2, 3, ["--trainer.val_check_interval=2", "--trainer.max_epochs=1"], id="before validation"),
        pytest.param(None, 7, ["--trainer.max_epochs=2"], id="as validation ended"),
    ],
)
def test_run_killed_in_an_epoch_continues_the_curve(every, killed_at, more, configs, tmp_path, whole_run):
    """A checkpoint in the middle of an epoch repeats no batch and leaves none out."""
    when = {"every_n_train_steps": every} if every else {"monitor": "val/loss"}
    saver = {**when, "dirpath": str(tmp_path / "saved"), "save_last": True}
    saver = {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": saver}
    (tmp_path / "saver.yaml").write_text(yaml.safe_dump({"trainer": {"callbacks+": [saver]}}))
    given = ["--config", tmp_path / "saver.yaml", *more]
    straight = whole_run(*more)
    kill = ["--trainer.callbacks+=test_resume.KillAt", f"--trainer.callbacks.step={killed_at}"]
    with pytest.raises(Killed):
        train(configs, "classifier", tmp_path / "killed", *given, *kill)
    saved = read_checkpoint(tmp_path / "saved" / "last.ckpt")["global_step"]
    assert saved == (killed_at // every * every if every else 5)
    resumed = train(configs, "classifier", tmp_path / "killed", *more, "--ckpt_path", tmp_path / "saved")
    whole, rest = (path.parents[1].joinpath("metrics.csv").read_text() for path in (straight, resumed))
    assert rest == whole
    expected, found = (read_checkpoint(path)["raw_parameters"] for path in (straight, resumed))
    assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())


def test_seed_changes_the_curve(configs, tmp_path):
    """Curves of different seeds differ, so the comparison above can fail."""
    for seed in (0, 1):
        tiny.fit(configs, "classifier", tmp_path / str(seed), f"--seed_everything={seed}", "--trainer.max_epochs=1")
    first, second = (tiny.logged(tmp_path / str(seed), "train/loss") for seed in (0, 1))
    assert first != pytest.approx(second, rel=1e-3)


def test_same_seed_repeats_the_run_exactly(configs, tmp_path):
    for turn in ("a", "b"):
        tiny.fit(configs, "classifier", tmp_path / turn)
    assert tiny.logged(tmp_path / "a", "train/loss") == tiny.logged(tmp_path / "b", "train/loss")


def test_the_last_checkpoint_holds_the_last_step(configs, tmp_path):
    """The last step is saved even if validation is rare."""
    rare = ["--trainer.max_epochs=-1", "--trainer.max_steps=13", "--trainer.check_val_every_n_epoch=2"]
    assert read_checkpoint(tiny.fit(configs, "classifier", tmp_path, *rare))["global_step"] == 13


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["--trainer.max_steps=-1", "--trainer.max_epochs=-1"], "one_cycle must know how long"),
        (["--trainer.max_epochs=3", "--ckpt_path"], "ends after 10 steps, 15 are asked for"),
    ],
)
def test_one_cycle_is_refused_more_than_its_cycle(settings, expected, configs, scoretap, tmp_path):
    one_cycle = "--model.init_args.optimization.schedule=one_cycle"
    if "--ckpt_path" in settings:
        settings = [*settings, tiny.fit(configs, "classifier", tmp_path / "first", one_cycle)]
    status, err = scoretap(*tiny.fit_arguments(configs, "classifier", tmp_path / "again", one_cycle, *settings))
    assert status == 2 and err.startswith("scoretap: ") and err.count("\n") == 1, err
    assert expected in err
    assert not list((tmp_path / "again").rglob("*.ckpt")), "nothing was trained"


def test_constant_schedule_needs_no_end(configs, tmp_path):
    endless = ["--trainer.max_steps=-1", "--trainer.max_epochs=-1", "--trainer.max_time=00:00:00:05"]
    assert read_checkpoint(tiny.fit(configs, "classifier", tmp_path, *endless))["global_step"] > 0
