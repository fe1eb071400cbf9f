"""A run that was killed goes on when its command is typed again: the history and the weights of one never killed."""

import os
import re
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from offline_runs import offline_runs

import callbacks
from lightning_modules import new_files
from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.cli import main
from lightning_modules.command_line.run_trainer import HistoryConnector
from lightning_modules.tracking import WandbTracker
from lightning_modules.tracking.run_names import run_names

COUNTED = {"epochs": ["--trainer.max_epochs=3"], "steps": ["--trainer.max_epochs=-1", "--trainer.max_steps=15"]}
MOMENTS = {  # where a process is killed: what it calls then, after how many steps. Epochs end after 5, 10 and 15
    "in an epoch": (callbacks.NonFiniteGuard, "on_before_optimizer_step", 12),
    "in validation": (callbacks.EMA, "on_validation_end", 10),
    "before the row of an epoch's end": (HistoryConnector, "write_row", 10),
    "while a checkpoint is written": (new_files, "_sync", 10),
    "between two checkpoints": (ModelCheckpoint, "_save_last_checkpoint", 10),
    "after the checkpoint of an epoch's end": (HistoryConnector, "update_train_epoch_metrics", 10),
    "after the last checkpoint": (HistoryConnector, "update_train_epoch_metrics", 15),
    "in the last validation": (callbacks.EMA, "on_validation_start", 15),
}


@contextmanager
def signalled(owner, name, step, number=signal.SIGKILL):
    """Send this process a signal where it calls ``owner.name`` after ``step`` optimizer steps."""
    steps = [0]
    count, method = callbacks.EMA.on_train_batch_end, getattr(owner, name)

    def counting(self, trainer, *args):
        steps[0] = trainer.global_step
        return count(self, trainer, *args)

    def deadly(*args, **kwargs):
        if steps[0] >= step:
            os.kill(os.getpid(), number)
        return method(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks.EMA, "on_train_batch_end", counting)
        patch.setattr(owner, name, deadly)
        yield


def killed(command, moment):
    """Run a command in a process of its own, to which a signal is sent at a moment.

    Returns:
        The signal that killed it, or its exit status.
    """
    child = os.fork()
    if child == 0:
        with signalled(*moment):
            os._exit(main(command))
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) or os.WEXITSTATUS(status)


def command(configs, folder, *more, logger="csv", version=None):
    files = ["base", f"logger/{logger}", configs / "data.yaml", configs / "classifier.yaml"]
    given = [word for file in files for word in ("--config", str(file))]
    places = [f"--trainer.logger.init_args.{key}={value}" for key, value in
              {"save_dir": folder, "name": "run", "version": version}.items() if value is not None]  # fmt: skip
    return ["fit", *given, *places, *map(str, more)]


@pytest.fixture(scope="module")
def straight(configs, tmp_path_factory):
    """Folders of runs that nothing has stopped, by what counts them."""
    folder = tmp_path_factory.mktemp("straight")
    for counted, more in COUNTED.items():
        assert main(command(configs, folder / counted, *more)) == 0
    return {counted: folder / counted / "run" / "version_0" for counted in COUNTED}


def check_same_run(found, expected):
    """One CSV, byte for byte, and the same weights, bit for bit."""
    assert (found / "metrics.csv").read_text() == (expected / "metrics.csv").read_text()
    old, new = (read_checkpoint(run / "checkpoints" / "last.ckpt") for run in (expected, found))
    assert new["global_step"] == old["global_step"]
    for part in ("state_dict", "raw_parameters"):
        assert all(torch.equal(new[part][name], tensor) for name, tensor in old[part].items()), part


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on_as_if_nothing_had_been(moment, configs, straight, tmp_path, capfd):
    counted = "epochs" if list(MOMENTS).index(moment) % 2 else "steps"
    typed = command(configs, tmp_path, *COUNTED[counted])
    assert killed(typed, MOMENTS[moment]) == signal.SIGKILL
    capfd.readouterr()
    assert main(typed) == 0
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("scoretap: ")]
    assert len(said) == 1 and re.search(r"going on with \S+/version_0/\S+ at step (5|10|15) ", said[0]), said
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["version_0"]
    check_same_run(tmp_path / "run" / "version_0", straight[counted])
    assert (tmp_path / "run" / "version_0" / "finished").is_file()


def test_only_an_unfinished_run_of_the_same_settings_goes_on(configs, tmp_path, capfd):
    typed = command(configs, tmp_path, "--trainer.max_epochs=2")
    assert killed(typed, (callbacks.EMA, "on_validation_start", 10)) == signal.SIGKILL
    first = tmp_path / "run" / "version_0" / "checkpoints" / "last.ckpt"
    before = first.read_bytes()
    slower = "--model.init_args.optimization.init_args.learning_rate=1e-3"
    others = ["--resume=never", "--seed_everything=1", slower]
    for other in others:
        assert main([*typed, "--trainer.limit_train_batches=1", other]) == 0
    assert main([*typed, "--trainer.logger.init_args.name=another", "--trainer.limit_train_batches=1"]) == 0
    assert "going on" not in capfd.readouterr().err
    assert first.read_bytes() == before and len(list((tmp_path / "run").iterdir())) == 1 + len(others)
    assert main([*typed, "--data.init_args.num_workers=1"]) == 0, "what changes no step may differ"
    assert "going on" in capfd.readouterr().err and read_checkpoint(first)["global_step"] == 10
    finished = first.read_bytes()
    assert main(typed) == 0, "a finished run, typed again, is another"
    assert first.read_bytes() == finished and (tmp_path / "run" / "version_4").is_dir()


@pytest.mark.parametrize(("logger", "version"), [("csv", "0"), ("tensorboard", None)])
def test_every_logger_goes_on_in_its_folder(logger, version, configs, tmp_path, capfd):
    if logger == "tensorboard":
        pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    typed = command(configs, tmp_path, "--trainer.max_epochs=2", logger=logger, version=version)
    assert killed(typed, (callbacks.EMA, "on_validation_start", 10)) == signal.SIGKILL
    assert main(typed) == 0
    assert "at step 5 " in capfd.readouterr().err
    (last,) = tmp_path.rglob("last.ckpt")
    assert read_checkpoint(last)["global_step"] == 10


def test_a_last_checkpoint_goes_on_in_its_folder_and_an_earlier_one_in_another(configs, straight, tmp_path):
    typed = command(configs, tmp_path, "--trainer.max_epochs=3")
    assert killed(typed, (callbacks.EMA, "on_validation_start", 15)) == signal.SIGKILL
    checkpoints = tmp_path / "run" / "version_0" / "checkpoints"
    earlier = checkpoints / "step=10.ckpt"
    assert main([*typed, "--ckpt_path", str(earlier), "--resume=never", "--trainer.max_epochs=2"]) == 0
    assert main([*typed, "--ckpt_path", str(checkpoints / "last.ckpt")]) == 0
    check_same_run(checkpoints.parent, straight["epochs"])
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"version_0", "version_1"}


def test_a_run_that_early_stopping_has_ended_is_finished(configs, tmp_path, capfd):
    stopping = ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss"]
    stopping += ["--trainer.callbacks.patience=0", "--trainer.callbacks.min_delta=9"]
    typed = command(configs, tmp_path, "--trainer.max_epochs=9", "--trainer.limit_train_batches=1", *stopping)
    assert main(typed) == 0 and main(typed) == 0
    assert "going on" not in capfd.readouterr().err
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"version_0", "version_1"}


def test_a_damaged_last_checkpoint_is_named(configs, tmp_path, capfd):
    typed = command(configs, tmp_path, "--trainer.max_epochs=2")
    assert killed(typed, (callbacks.EMA, "on_validation_start", 10)) == signal.SIGKILL
    last = Path(tmp_path, "run", "version_0", "checkpoints", "last.ckpt")
    last.write_bytes(last.read_bytes()[:1000])
    capfd.readouterr()
    assert main(typed) == 2
    tiny.check(capfd.readouterr().err, ["damaged", "step=5.ckpt", "--resume never"])


@pytest.mark.slow
def test_a_run_of_weights_and_biases_has_one_history(configs, tmp_path, monkeypatch):
    """Offline too: one id, and rows numbered as in a run that was never stopped."""
    for name, value in {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}.items():
        monkeypatch.setenv(name, value)
    counted = ["--trainer.max_epochs=2", "--trainer.log_every_n_steps=1", "--trainer.callbacks+=test_typed_again.Stop"]
    for folder, stop in (("straight", ""), ("stopped", "7"), ("stopped", "")):
        monkeypatch.setenv("STOP_AT_STEP", stop)
        typed = command(configs, tmp_path / folder, *counted, logger="wandb")
        assert main(typed) == (128 + signal.SIGTERM if stop else 0)
    (straight,), halves = (offline_runs(tmp_path / folder) for folder in ("straight", "stopped"))
    assert len(halves) == 2 and len({half.run.run_id for half in halves}) == 1
    numbers = [[row["_step"] for row in run.rows] for run in (straight, *halves)]
    assert numbers[0] == list(range(len(straight.rows))) == [*numbers[1], *numbers[2]]
    kept = [[{k: v for k, v in row.items() if k not in ("_timestamp", "_runtime")} for row in run.rows]
            for run in (straight, *halves)]  # fmt: skip
    assert kept[0] == [*kept[1], *kept[2]]


class Stop(Callback):
    """Sends this process SIGTERM in the step that the environment variable STOP_AT_STEP names."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if os.environ["STOP_AT_STEP"] == str(trainer.global_step):
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_rows_that_a_server_has_are_not_sent_again(mode, monkeypatch, tmp_path):
    """A server knows rows after the checkpoint; the run repeats them, and they are equal."""
    import wandb

    class Run:
        step, rows = {"offline": 0, "online": 12}[mode], []

        def log(self, row, step=None):
            self.step = step or self.step
            if row:
                self.rows.append((self.step, row["a"]))
                self.step += 1

    run = Run()
    monkeypatch.setattr(wandb, "init", lambda **settings: run)
    monkeypatch.setattr(wandb, "run", None)
    tracker = WandbTracker(save_dir=str(tmp_path), mode="offline")
    tracker.adopt_names(run_names("fit", []), {"wandb": "abc", "wandb_step": 10})
    for value in range(10, 15):
        tracker.log_metrics({"a": value}, step=value)
    assert run.rows == [(value, value) for value in range(12 if mode == "online" else 10, 15)]
    assert tracker.history_step == 15 and tracker.version == "abc"


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """Variables of a SLURM job of one task, with a ``scontrol`` that writes down what it is asked."""
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    for name, value in {"JOB_ID": 4242, "NTASKS": 1, "PROCID": 0, "LOCALID": 0, "NODEID": 0, "NNODES": 1}.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    asked = tmp_path / "asked"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "scontrol").write_text(f"#!/bin/sh\necho $@ >> {asked}\n")
    (tmp_path / "bin" / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return asked


def test_a_job_that_slurm_requeues_goes_on(slurm, configs, straight, tmp_path, monkeypatch, capfd):
    """SIGUSR1 comes before the time is up: the step ends, all is saved, the job is asked for again."""
    typed = command(configs, tmp_path, *COUNTED["steps"], "--resume=never")
    moment = (callbacks.NonFiniteGuard, "on_before_optimizer_step", 6, signal.SIGUSR1)
    assert killed(typed, moment) == 128 + signal.SIGUSR1
    tiny.check(capfd.readouterr().err, ["stopped by SIGUSR1 at step 7", "last.ckpt", "job 4242 is requeued"])
    assert slurm.read_text() == "requeue 4242\n" and not list(tmp_path.rglob("hpc_ckpt*"))
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert main(typed) == 0, "a job that was requeued goes on with its own run whatever it was told"
    assert "at step 7 " in capfd.readouterr().err
    check_same_run(tmp_path / "run" / "version_0", straight["steps"])


def test_a_signal_before_training_requeues_too(slurm, configs, tmp_path, capfd):
    typed = command(configs, tmp_path, "--trainer.max_epochs=1")
    assert killed(typed, (callbacks.CostReport, "on_fit_start", 0, signal.SIGUSR1)) == 128 + signal.SIGUSR1
    assert slurm.read_text() == "requeue 4242\n" and "job 4242 is requeued" in capfd.readouterr().err
    before = signal.getsignal(signal.SIGUSR1)
    assert main([*typed, "--resume=never"]) == 0 and signal.getsignal(signal.SIGUSR1) == before
