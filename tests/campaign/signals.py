"""Signals at every kind of moment, alone, under SLURM and on two processes: saved, the right status, and it goes on."""

import os
import signal
import socket
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from campaign.cases import Case
from campaign.commands import Accident, Process, run, signal_at
from campaign.kills import check_goes_on, event_number, newest_version
from campaign.outcomes import check_done, check_same, snapshot
from campaign.world import References, World

COUNTS = {"fit by steps": 4, "fit by epochs": 2, "fit on taps": 2, "predict": 4, "test": 4, "demo": 2, "corpus": 1,
          "report again": 2}  # fmt: skip
TWO = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]


def cases(world: World, references: References, random: Random) -> Iterator[Case]:
    """SIGTERM and SIGINT in turn; SIGHUP and SIGUSR1, which end a process like a kill; SLURM; two processes."""
    for name, count in COUNTS.items():
        for turn in range(count):
            number = (signal.SIGTERM, signal.SIGINT)[turn % 2]
            share = (turn + random.random()) / count
            check = partial(_stop, references, name, number, share, 128 + number)
            yield Case(f"{name} {number.name} {turn}", check, name)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        check = partial(_stop, references, "fit by steps", number, random.random(), None)
        yield Case(f"fit by steps {number.name}", check, "fit by steps")
    for turn in range(2):
        yield Case(f"SLURM requeues {turn}", partial(_slurm, references, random.random()), "fit by steps")
    for turn in range(6):
        number = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)[turn % 3]
        yield Case(f"two processes {number.name} {turn}", partial(_two, world, number, turn % 2, random.random()))


def _stop(references: References, name: str, number: int, share: float, status: int | None, folder: Path) -> None:
    at = event_number(references, name, share)
    check_goes_on(references, name, folder, signal_at(at, number), status=status)


def _slurm(references: References, share: float, folder: Path) -> None:
    """SIGUSR1 before the time is up: everything is saved, the job is queued again, and its next run goes on."""
    reference, work = references.get("fit by steps"), folder / "work"
    plan = references.prepare("fit by steps", work)
    program = folder / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/requeued\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    names = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID")
    slurm = {"SLURM_NTASKS": "1", "SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "train", **dict.fromkeys(names, "0")}
    slurm["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    first_step = reference.outcome.events.index("training step")
    at = first_step + 2 + int(share * (len(reference.outcome.events) - first_step) * 0.7)
    run(plan.args, work, signal_at(at, signal.SIGUSR1), environment=slurm, log="first")
    assert (folder / "requeued").exists() and "77" in (folder / "requeued").read_text(), "the job was not queued again"
    again = run(plan.args, work, environment=slurm, log="again")
    check_done(again)
    found = {path: digest for path, digest in snapshot(work).items() if "hpc_ckpt" not in path}
    check_same(newest_version(found), newest_version(reference.after))


def _two(world: World, number: int, rank: int, share: float, folder: Path) -> None:
    """A signal to one of two processes in training: both end, and the same command gives the same weights."""
    args = world.fit("classifier", "--trainer.max_epochs=3", "--data.init_args.batch_size=16", *TWO)
    whole = _launch(args, folder / "whole" / "work", None, 0)
    for outcome in whole:
        check_done(outcome)
    events = whole[rank].events
    first = events.index("training step")
    at = 1 + first + int(share * (len(events) - first) * 0.9)
    ended = _launch(args, folder / "work", signal_at(at, number), rank)
    if number != signal.SIGKILL:
        statuses = [outcome.status for outcome in ended]
        assert statuses[rank] == 128 + number and all(status >= 128 for status in statuses), (
            f"exits {statuses}: {ended[rank].err[-500:]}"
        )
    for outcome in _launch(args, folder / "work", None, 0):
        check_done(outcome)
    check_same(newest_version(snapshot(folder / "work")), newest_version(snapshot(folder / "whole" / "work")))


def _launch(args: list[str], folder: Path, accident: Accident | None, rank: int) -> list:
    """Start two processes as torchrun does, which ends both when one dies."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    shared |= {"GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "campaign", "TORCHELASTIC_USE_AGENT_STORE": "False"}
    started = [
        Process(args, folder, accident if each == rank else None, log=f"rank{each}",
                environment={**shared, "RANK": str(each), "LOCAL_RANK": str(each)})
        for each in range(2)
    ]  # fmt: skip
    first = started[rank].wait()
    if first.status < 0:
        os.kill(started[1 - rank].pid, signal.SIGKILL)
    outcomes = [first, started[1 - rank].wait()]
    return outcomes if rank == 0 else outcomes[::-1]
