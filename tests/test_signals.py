"""Signals stop a command with everything saved, and with the exit status that a shell expects."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch
from lightning.pytorch import Callback

from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.cli import main


class SignalAt(Callback):
    """Sends this process a signal in a training step, or in drawing a batch."""

    def __init__(self, number: int, step: int) -> None:
        self.number, self.step = number, step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        rank = os.environ.get("SIGNAL_ON_RANK", str(trainer.global_rank))
        if trainer.global_step == self.step and str(trainer.global_rank) == rank:
            os.kill(os.getpid(), self.number)

    def on_predict_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        if batch_idx == self.step:
            os.kill(os.getpid(), self.number)


class SignalAtTheEnd(Callback):
    """Sends this process a signal when the last epoch has ended."""

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch == trainer.max_epochs - 1:
            os.kill(os.getpid(), signal.SIGTERM)


def send(number, step):
    return [
        "--trainer.callbacks+=test_signals.SignalAt",
        f"--trainer.callbacks.number={int(number)}",
        f"--trainer.callbacks.step={step}",
    ]


@pytest.mark.parametrize(("number", "step"), [(signal.SIGTERM, 7), (signal.SIGINT, 9)], ids=["SIGTERM", "SIGINT"])
def test_a_run_stopped_by_a_signal_goes_on_bit_for_bit(number, step, configs, tmp_path, capfd):
    """In an epoch, and in its last step."""
    counted = ["--trainer.max_epochs=-1", "--trainer.max_steps=15"]
    straight = tiny.fit(configs, "classifier", tmp_path / "straight", *counted)
    arguments = tiny.fit_arguments(configs, "classifier", tmp_path / "stopped", *counted, *send(number, step))
    assert main(arguments) == 128 + number
    last = tmp_path / "stopped" / "run" / "checkpoints" / "last.ckpt"
    assert f"stopped by {number.name} at step {step + 1}" in capfd.readouterr().err
    assert read_checkpoint(last)["global_step"] == step + 1
    resumed = tiny.fit(configs, "classifier", tmp_path / "stopped", *counted, "--ckpt_path", last)
    whole, rest = ((tmp_path / run / "run" / "metrics.csv").read_text() for run in ("straight", "stopped"))
    assert rest == whole, "one history, the row of the step of the signal too"
    for part in ("state_dict", "raw_parameters"):
        expected, actual = read_checkpoint(straight)[part], read_checkpoint(resumed)[part]
        assert all(torch.equal(actual[name], tensor) for name, tensor in expected.items()), part


def test_a_signal_after_the_last_step_is_no_success(configs, tmp_path, capfd):
    """The run is whole, but what a script would start after it must not begin."""
    late = ["--trainer.max_epochs=1", "--trainer.callbacks+=test_signals.SignalAtTheEnd"]
    assert main(tiny.fit_arguments(configs, "classifier", tmp_path, *late)) == 143
    assert "stopped by SIGTERM at step 5, the last" in capfd.readouterr().err
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == 5


def test_drawing_stops_keeps_what_it_has_and_goes_on(score_subnet, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    requests = ["--data=SampleRequests", "--data.init_args.labels=[0,1,2,3,4]", "--data.init_args.batch_size=2"]
    few = ["--sampling.num_steps=2", "--vocoder=GriffinLim", "--trainer.enable_progress_bar=false"]
    predict = ["predict", "--ckpt_path", str(score_subnet), *requests, *few]
    assert main([*predict, "--sample_writer.folder=whole"]) == 0
    capfd.readouterr()
    assert main([*predict, *send(signal.SIGTERM, 1)]) == 143
    assert capfd.readouterr().err.endswith("scoretap: stopped by SIGTERM\n")
    first = {path.name: path.stat().st_mtime_ns for path in Path("samples").glob("*.wav")}
    assert len(first) == 2
    assert main([*predict, "--sampling.guidance_scale=1"]) == 2
    assert "an unfinished run with another guidance_scale" in capfd.readouterr().err
    assert main(predict) == 0
    assert "holds 2 samples of this command" in capfd.readouterr().out
    names = {path.name for path in Path("whole").iterdir()}
    assert {path.name for path in Path("samples").iterdir()} == names
    assert all(Path("samples", name).stat().st_mtime_ns == at for name, at in first.items()), "drawn again"
    for name in names - {"manifest.csv"}:
        assert Path("samples", name).read_bytes() == Path("whole", name).read_bytes()
    columns = [
        [row.split(",")[:3] for row in Path(at, "manifest.csv").read_text().split()] for at in ("samples", "whole")
    ]
    assert columns[0] == columns[1]


def test_handlers_are_put_back(configs, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    assert main(["models"]) == 0
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.slow
def test_two_processes_stop_together(configs, tmp_path):
    """One of them gets the signal; both save and end, and the run goes on from the same step."""
    devices = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]
    more = [*devices, "--trainer.max_epochs=50", *send(signal.SIGTERM, 4)]
    command = tiny.fit_arguments(configs, "classifier", tmp_path, *more)
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path, "SIGNAL_ON_RANK": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "lightning_modules.cli", *command],
        env=environment,
        timeout=200,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 143, done.stderr
    assert "stopped by SIGTERM at step 5" in done.stderr
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == 5
