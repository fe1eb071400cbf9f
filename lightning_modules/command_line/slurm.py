"""Jobs of SLURM: which signal asks for a requeue, how it is asked for, and processes that nobody will start."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

from lightning.fabric.plugins.environments import SLURMEnvironment
from lightning.pytorch import Trainer

from lightning_modules.errors import InputError

OF_SRUN = ("SLURM_STEP_ID", "SLURM_STEPID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST", "SLURM_SRUN_COMM_HOST")


def requeue_signal(trainer: Trainer) -> int:
    """The signal after which this job is to be requeued; 0 where Lightning would not requeue it."""
    environment = trainer._accelerator_connector.cluster_environment
    if isinstance(environment, SLURMEnvironment) and environment.auto_requeue and environment.requeue_signal:
        return int(environment.requeue_signal)
    return 0


def was_requeued(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a later start of a job that SLURM has requeued."""
    count = environment.get("SLURM_RESTART_COUNT", "0")
    return count.isdigit() and int(count) > 0


def requeue(environment: Mapping[str, str] = os.environ) -> str:
    """Ask SLURM to start this job again, by ``scontrol requeue``.

    Returns:
        What came of it, as the end of a sentence.
    """
    job = environment.get("SLURM_JOB_ID", "")
    if array := environment.get("SLURM_ARRAY_JOB_ID"):
        job = f"{array}_{environment.get('SLURM_ARRAY_TASK_ID', '')}"
    if not re.fullmatch(r"[0-9_]+", job):
        return f"; no job to requeue: SLURM_JOB_ID is {job!r}"
    if shutil.which("scontrol") is None:
        return f"; job {job} was not requeued: no scontrol on the PATH"
    done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        return f"; job {job} was not requeued: {reason}"
    return f"; job {job} is requeued"


def check_tasks(trainer: Trainer, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to wait for processes that only ``srun`` would start.

    Raises:
        InputError: several processes are asked for in a SLURM job, and ``srun`` has not started this one.
    """
    if not isinstance(trainer._accelerator_connector.cluster_environment, SLURMEnvironment):
        return
    processes = trainer.num_nodes * trainer.num_devices
    tasks = environment.get("SLURM_NTASKS", "1")
    if processes == 1:
        return
    advice = (
        f"start it by srun --ntasks-per-node={trainer.num_devices} {os.path.basename(sys.argv[0])} ..., or set "
        "SLURM_JOB_NAME=interactive to let it start its own processes on this node"
    )
    if not any(environment.get(name) for name in OF_SRUN):
        raise InputError(
            f"{processes} processes are asked for in a SLURM job, and srun has not started this command, which would "
            f"wait for the others for ever: {advice}"
        )
    if tasks.isdigit() and int(tasks) != processes:
        raise InputError(f"{processes} processes are asked for, SLURM has started {tasks} tasks: {advice}")


def refuse_variables(error: Exception) -> None:
    """Say in one sentence what Lightning found wrong with the variables of a SLURM job.

    Raises:
        InputError: ``error`` is about such variables.
    """
    text = str(error.args[0]) if error.args else ""
    if isinstance(error, KeyError) and text.startswith("SLURM_"):
        raise InputError(
            f"SLURM_NTASKS is set and {text} is not: start the command by srun, or unset SLURM_NTASKS"
        ) from error
    if isinstance(error, RuntimeError) and "--ntasks" in text:
        raise InputError(
            f"SLURM_NTASKS is {os.environ.get('SLURM_NTASKS')} without SLURM_NTASKS_PER_NODE: ask for tasks by "
            "--ntasks-per-node, one for each device, and start the command by srun"
        ) from error
