"""Runs that start at once under one name get a folder each, or one of them is told of the other."""

import os
from pathlib import Path
from types import SimpleNamespace

import holders
import pytest
import tiny
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from callbacks.run_lock import claimed_versions, lock_run
from lightning_modules.cli import main
from lightning_modules.errors import InputError
from lightning_modules.leavings import forget_swept
from lightning_modules.locks import releasing


def trainer(*loggers, **settings):
    """What :func:`lock_run` reads of a Trainer."""
    usual = {"is_global_zero": True, "fast_dev_run": False, "default_root_dir": "runs"}
    return SimpleNamespace(loggers=list(loggers), **{**usual, **settings})


def fork(work):
    """Do ``work`` in a process of its own; returns its number."""
    if child := os.fork():
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def test_runs_that_start_at_once_get_versions_of_their_own(tmp_path):
    """Six processes look for the next version before any of them has made one."""
    ready, go = os.pipe(), os.pipe()

    def start():
        logger = CSVLogger(str(tmp_path), "mine")
        first = logger._get_next_version()
        logger._get_next_version = lambda: first
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        lock_run(trainer(logger))
        Path(logger.log_dir, "metrics.csv").write_text("mine")

    children = [fork(start) for _ in range(6)]
    for _ in children:
        assert os.read(ready[0], 1) == b"x"
    os.write(go[1], b"xxxxxx")
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    for end in (*ready, *go):
        os.close(end)
    assert sorted(path.parent.name for path in tmp_path.glob("mine/*/metrics.csv")) == [
        f"version_{i}" for i in range(6)
    ]


def test_loggers_of_one_run_share_a_version(tmp_path):
    (tmp_path / "mine" / "version_4").mkdir(parents=True)
    loggers = [
        CSVLogger(str(tmp_path), "mine"),
        TensorBoardLogger(str(tmp_path), "mine"),
        CSVLogger(str(tmp_path), "b"),
    ]
    with releasing(), claimed_versions():
        lock_run(trainer(*loggers))
        assert [logger.version for logger in loggers] == [5, 5, 0]
        lock_run(trainer(*loggers))
        assert sorted(os.listdir(tmp_path / "mine")) == [".version_5.scoretap-lock", "version_4", "version_5"]
    assert os.listdir(tmp_path / "mine") == ["version_4"], "what nothing was written to goes again"


@pytest.mark.parametrize("settings", [{"is_global_zero": False}, {"fast_dev_run": True}])
def test_only_the_first_process_takes_a_folder(settings, tmp_path):
    lock_run(trainer(CSVLogger(str(tmp_path), "mine"), **settings))
    assert os.listdir(tmp_path) == []


def test_a_folder_in_use_is_refused_and_one_given_stays(tmp_path):
    logger = CSVLogger(str(tmp_path), "mine", version=3)
    with holders.held(tmp_path / "mine" / "version_3") as first, pytest.raises(InputError) as caught:
        lock_run(trainer(logger))
    tiny.check(str(caught.value), [f"process {first.pid} on", "give another --trainer.logger.init_args.name"])
    assert logger.version == 3


def test_a_fit_is_refused_before_it_touches_the_run_of_another(configs, tmp_path, capfd):
    (run := tmp_path / "run").mkdir()
    (run / "metrics.csv").write_text("theirs")
    with holders.held(run) as first:
        assert main(tiny.fit_arguments(configs, "classifier", tmp_path)) == 2
    err = capfd.readouterr().err.splitlines()[-1]
    assert f"'{run}' is being written by process {first.pid}" in err
    assert [path.name for path in run.iterdir()] == ["metrics.csv"] and (run / "metrics.csv").read_text() == "theirs"


def test_a_run_that_is_still_running_is_not_gone_on_with(configs, tmp_path, capfd):
    """The same command typed again: a run that is not finished goes on, unless another process is at it."""
    command = tiny.fit_arguments(configs, "classifier", tmp_path, "--trainer.max_epochs=1")
    command.remove("--trainer.logger.init_args.version=")
    assert main(command) == 0
    (tmp_path / "run" / "version_0" / "finished").unlink()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    with holders.held(tmp_path / "run" / "version_0") as first:
        assert main(command) == 2
        lock = tmp_path / "run" / ".version_0.scoretap-lock"
        after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file() and path != lock}
    tiny.check(capfd.readouterr().err, [f"by process {first.pid} on", "or --resume never starts another run"])
    assert after == before and not (tmp_path / "run" / "version_1").exists()


def test_parts_of_checkpoints_of_killed_runs_go_when_another_version_begins(tmp_path):
    checkpoints = tmp_path / "mine" / "version_0" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "last.ckpt").write_text("whole")
    (checkpoints / ".last.ckpt.0123456789abcdef.ckpt").write_text("part")
    forget_swept()
    with releasing(), claimed_versions():
        lock_run(trainer(CSVLogger(str(tmp_path), "mine")))
    assert os.listdir(checkpoints) == ["last.ckpt"]
