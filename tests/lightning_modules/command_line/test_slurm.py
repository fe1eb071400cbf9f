"""Jobs of SLURM: what is asked for a requeue, and what is refused before it waits for ever."""

import os

import pytest
import tiny

from lightning_modules.command_line.slurm import requeue, was_requeued


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Puts a ``scontrol`` with a given body in front of the PATH."""

    def make(body):
        path = tmp_path / "scontrol"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return make


def test_a_job_of_an_array_is_requeued_by_both_numbers(scontrol, tmp_path):
    scontrol(f'echo "$@" > {tmp_path}/asked')
    array = {"SLURM_JOB_ID": "77", "SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "3"}
    assert requeue(array) == "; job 70_3 is requeued"
    assert (tmp_path / "asked").read_text() == "requeue 70_3\n"
    assert requeue({"SLURM_JOB_ID": "77"}) == "; job 77 is requeued"


def test_a_requeue_that_fails_says_so(scontrol, monkeypatch):
    scontrol("echo requeue is disabled >&2; exit 1")
    assert requeue({"SLURM_JOB_ID": "77"}) == "; job 77 was not requeued: requeue is disabled"
    assert "no job" in requeue({"SLURM_JOB_ID": "7; rm x"})
    monkeypatch.setenv("PATH", "/nowhere")
    assert "no scontrol on the PATH" in requeue({"SLURM_JOB_ID": "77"})


def test_a_later_start_is_known():
    assert was_requeued({"SLURM_RESTART_COUNT": "2"})
    assert not was_requeued({"SLURM_RESTART_COUNT": "0"}) and not was_requeued({})


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"NTASKS": 2, "NTASKS_PER_NODE": 2}, ["srun has not started this command", "--ntasks-per-node=2"]),
        ({"NTASKS": 1}, ["srun has not started this command", "SLURM_JOB_NAME=interactive"]),
        ({"NTASKS": 1, "STEP_ID": 0}, ["2 processes are asked for, SLURM has started 1 tasks"]),
        ({"NTASKS": 2}, ["SLURM_NTASKS is 2 without SLURM_NTASKS_PER_NODE", "srun"]),
        ({"NTASKS": 2, "NTASKS_PER_NODE": 2, "LOCALID": None}, ["SLURM_LOCALID is not", "srun"]),
    ],
)
def test_two_devices_without_srun_are_refused(variables, expected, configs, refused, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    found = {"JOB_ID": 4242, "PROCID": 0, "LOCALID": 0, "NODEID": 0, **variables}
    for name, value in found.items():
        if value is not None:
            monkeypatch.setenv(f"SLURM_{name}", str(value))
    devices = ["--trainer.devices=2", "--trainer.strategy=ddp"]
    tiny.check(refused(*tiny.fit_arguments(configs, "classifier", "out", *devices)), expected)
