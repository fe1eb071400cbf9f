"""Two CPU processes (gloo) give the results of one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import processes
import pytest
import tiny

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


def test_lightnings_own_engine_starts_the_processes(configs, tmp_path):
    """`--trainer.devices 2 --trainer.strategy ddp`, as the README says."""
    shutil.copytree(configs, tmp_path / "configs")
    more = [
        "--trainer.devices=2",
        "--trainer.strategy=ddp",
        "--trainer.limit_train_batches=2",
        "--trainer.max_epochs=1",
    ]
    arguments = tiny.fit_arguments(tmp_path / "configs", "classifier", tmp_path / "out", *more)
    done = subprocess.run(
        [sys.executable, "-m", "lightning_modules.cli", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "GLOBAL_RANK: 1" in done.stderr + done.stdout
    assert (tmp_path / "out" / "run" / "checkpoints" / "last.ckpt").is_file()
    assert set(tiny.logged(tmp_path / "out", "train/loss")) == {0, 1}, "process 0 alone logs"
