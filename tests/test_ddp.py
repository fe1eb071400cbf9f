"""Two CPU processes (gloo) give the results of one."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import processes
import pytest
import tiny
import torch
from lightning.pytorch import Callback

from lightning_modules.checkpoints.reading import read_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory, configs, classifier, score_subnet, evaluator, odd_root):
    models = {"classifier": classifier, "score_subnet": score_subnet, "evaluator": evaluator}
    return processes.run_both(configs, models, odd_root, tmp_path_factory.mktemp("processes"), "cpu", 2)


@pytest.mark.parametrize("name", ["score_subnet", "classifier"])
def test_gradients_are_those_of_the_joined_batch(name, runs):
    processes.check_gradients(*runs, name)


def test_every_item_is_tested_once(runs):
    processes.check_test_metrics(*runs)


def test_equal_batch_shapes_give_equal_files(runs):
    processes.check_samples(*runs, "even", 16, exact=True)


def test_unequal_batch_shapes_give_the_same_files_within_tolerance(runs):
    processes.check_samples(*runs, "odd", 7, exact=False)


def test_two_processes_give_the_row_of_one(runs):
    processes.check_scores(*runs)


def test_guided_sampling_gathers(runs):
    processes.check_guided_sampling(*runs)


def test_nan_on_one_process_stops_all(runs):
    processes.check_all_stopped(*runs)


def test_a_run_on_two_processes_that_is_killed_goes_on(configs, tmp_path):
    """`--trainer.devices 2 --trainer.strategy ddp`, as the README says; killed in an epoch and typed again."""
    shutil.copytree(configs, tmp_path / "configs")
    flags = ["accelerator=cpu", "devices=2", "strategy=ddp", "callbacks+=ranks.Die", "max_epochs=2"]
    saver = ["--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks.every_n_train_steps=3"]
    saver += ["--trainer.callbacks.save_last=true", "--trainer.callbacks.enable_version_counter=false"]

    def fit(folder, **variables):
        more = [*(f"--trainer.{flag}" for flag in flags), *saver]
        arguments = tiny.fit_arguments(tmp_path / "configs", "classifier", tmp_path / folder, *more)
        path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
        return subprocess.run(
            [sys.executable, "-m", "lightning_modules.cli", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, **variables},
            capture_output=True,
            text=True,
            timeout=200,
        )

    straight, killed, resumed = fit("straight"), fit("killed", DIE_AT_STEP="3"), fit("killed")
    assert straight.returncode == 0 and "GLOBAL_RANK: 1" in straight.stderr + straight.stdout, straight.stderr[-4000:]
    assert "sync_dist" not in straight.stderr, "values that are reduced already need no warning"
    assert killed.returncode == -signal.SIGKILL
    assert resumed.returncode == 0 and resumed.stderr.count("going on with") == 1, resumed.stderr[-4000:]
    assert "at step 3 " in resumed.stderr, resumed.stderr
    runs = [tmp_path / folder / "run" for folder in ("straight", "killed")]
    whole, found = ((run / "metrics.csv").read_text() for run in runs)
    assert found == whole and set(tiny.logged(tmp_path / "straight", "train/loss")) == {0, 1, 2, 3}
    expected, weights = (read_checkpoint(run / "checkpoints" / "last.ckpt")["raw_parameters"] for run in runs)
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())


class SameWeights(Callback):
    """Fails where the trained weights of two processes differ when training ends."""

    def on_train_end(self, trainer, pl_module):
        trained = [parameter.detach().flatten() for parameter in pl_module.parameters() if parameter.requires_grad]
        both = trainer.strategy.all_gather(torch.cat(trained))
        assert torch.equal(both[0], both[1]) and both.isfinite().all()
        print("weights compared")


def test_a_student_learns_on_two_processes(configs, score_subnet, tmp_path):
    """Its two optimisers step together; each process draws its share of the teacher's paths."""
    shutil.copytree(configs, tmp_path / "configs")
    more = [
        f"--model.init_args.teacher={score_subnet}",
        "--model.init_args.teaching.folder=paths",
        "--trainer.devices=2",
        "--trainer.strategy=ddp_find_unused_parameters_true",
        "--trainer.max_epochs=1",
        "--trainer.callbacks+=test_ddp.SameWeights",
    ]
    arguments = tiny.fit_arguments(tmp_path / "configs", "student", tmp_path / "out", *more)
    tests = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "lightning_modules.cli", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "weights compared" in done.stdout
    assert len(list((tmp_path / "paths").rglob("*.npy"))) == 2
    assert set(tiny.logged(tmp_path / "out", "train/critic")) == {1}, "from a share of 0.3 of two steps on"
