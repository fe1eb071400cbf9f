"""Callbacks that draw while training do so when they were asked to, however rare validation is."""

import pytest
import tiny
import torch
import yaml
from lightning.pytorch import LightningModule

from callbacks import EMA
from callbacks.clock import Clock
from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.errors import InputError


class Recorder(Clock):
    """Notes at which epoch and step it was called, with which weights and in which mode."""

    calls: list = []  # noqa: RUF012  reset by each test

    def __init__(self, every_n_epochs: int | None = None, every_n_steps: int | None = None) -> None:
        super().__init__(every_n_epochs, every_n_steps)

    def on_time(self, trainer, pl_module: LightningModule) -> None:
        weights = {name: p.detach().clone() for name, p in pl_module.named_parameters()}
        average = next(callback for callback in trainer.callbacks if isinstance(callback, EMA))._average
        same = all(torch.equal(weights[name], value) for name, value in average.items() if name in weights)
        self.calls.append((trainer.current_epoch, trainer.global_step, pl_module.training, same))
        self.log_figures(trainer, pl_module, {"recorder/step": float(trainer.global_step)})


def run(configs, folder, clock, *flags, first=False):
    """Train the tiny classifier, of five batches an epoch, with a recorder."""
    Recorder.calls.clear()
    callback = {"class_path": "test_clock.Recorder", "init_args": clock}
    (folder / "clock.yaml").write_text(yaml.safe_dump({"trainer": {"callbacks+": [callback]}}))
    checkpoint = tiny.fit(configs, "classifier", folder, "--config", folder / "clock.yaml", *flags)
    return Recorder.calls[:], tiny.logged(folder, "recorder/step"), read_checkpoint(checkpoint)["state_dict"]


@pytest.mark.parametrize(
    ("clock", "flags", "expected"),
    [
        ({"every_n_epochs": 2}, ["--trainer.max_epochs=4"], [(1, 10), (3, 20)]),
        ({"every_n_epochs": 2}, ["--trainer.max_epochs=4", "--trainer.check_val_every_n_epoch=3"], [(1, 10), (3, 20)]),
        ({"every_n_epochs": 1}, ["--trainer.max_epochs=2", "--trainer.limit_val_batches=0"], [(0, 5), (1, 10)]),
        ({"every_n_epochs": 1}, ["--trainer.max_epochs=2", "--trainer.val_check_interval=2"], [(0, 5), (1, 10)]),
        ({"every_n_steps": 4}, ["--trainer.max_epochs=2"], [(0, 4), (1, 8)]),
        ({"every_n_steps": 4}, ["--trainer.max_steps=4", "--trainer.log_every_n_steps=50"], [(0, 4)]),
        ({"every_n_steps": 2}, ["--trainer.accumulate_grad_batches=2"], [(0, 2), (1, 4), (1, 6)]),
    ],
)  # fmt: skip
def test_it_fires_when_its_time_has_come(clock, flags, expected, configs, tmp_path):
    calls, logged, _ = run(configs, tmp_path, clock, *flags)
    assert [call[:2] for call in calls] == expected
    assert all(call[2:] == (False, True) for call in calls), "evaluation mode, averaged weights"
    assert list(logged.values()) == [step for _, step in expected]


def test_the_run_is_the_same_with_it(configs, tmp_path):
    (tmp_path / "with").mkdir()
    weights = run(configs, tmp_path / "with", {"every_n_steps": 3})[2]
    plain = read_checkpoint(tiny.fit(configs, "classifier", tmp_path))["state_dict"]
    assert all(torch.equal(weights[name], plain[name]) for name in plain)


@pytest.mark.parametrize("periods", [(0, None), (-1, None), (None, 0), (10, -3), (None, None), (10**12, None)])
def test_periods_are_checked(periods):
    with pytest.raises(InputError, match="every_n"):
        Recorder(*periods)
