"""Kills at every kind of moment: the same command again gives what an uninterrupted run gives, bit for bit."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import torch

from campaign.cases import Case
from campaign.commands import limit_files, run, signal_at
from campaign.outcomes import check_done, check_same, check_sentence, snapshot
from campaign.world import References, World

COUNTS = {
    "fit by steps": 12, "fit by epochs": 8, "fit saving within epochs": 10, "fit on taps": 4, "fit a vocoder": 4,
    "predict": 6, "test": 6, "report": 2, "report again": 6, "demo": 2, "corpus": 3, "download": 3, "cache": 4,
}  # fmt: skip


def cases(world: World, references: References, random: Random) -> Iterator[Case]:
    """Kills at random events, one in each part of the run, and kills in the middle of writing a file."""
    for name, count in COUNTS.items():
        for number in range(count):
            yield Case(f"{name} {number}", partial(_kill, references, name, (number + random.random()) / count), name)
        yield Case(f"{name} in a write", partial(_kill_in_write, references, name, random.random()), name)


def _kill(references: References, name: str, share: float, folder: Path) -> None:
    check_goes_on(references, name, folder, signal_at(event_number(references, name, share)))


def event_number(references: References, name: str, share: float) -> int:
    """The event at a ``share`` of a plan's run; in half of all cases, of what comes after a training begins."""
    events = references.get(name).outcome.events
    first = events.index("training step") if "training step" in events and int(share * 1e6) % 2 else 0
    return 1 + first + int(share * (len(events) - first))


def _kill_in_write(references: References, name: str, share: float, folder: Path) -> None:
    sizes = [path.stat().st_size for path in references.place(name).rglob("*") if path.is_file()]
    check_goes_on(references, name, folder, None, limit_files(int(share * max(sizes)), kill=True))


def check_goes_on(references: References, name: str, folder: Path, accident, prepare=None, status=None) -> None:
    """Let a command have an accident, give it again, and compare with the uninterrupted run.

    A run of training that goes on must not repeat steps that its last checkpoint holds. Samples that were complete
    before the accident may be refused, for `predict` draws over no finished samples.
    """
    reference, work = references.get(name), folder / "work"
    plan = references.prepare(name, work)

    def enter() -> None:
        if plan.enter is not None:
            plan.enter()
        if prepare is not None:
            prepare()

    first = run(plan.args, work, accident, prepare=enter, log="first")
    if status is not None:
        assert first.status == status, f"exit {first.status}, not {status}: {first.err[-600:]}"
    done = _saved_step(work)
    again = run(plan.args, work, prepare=plan.enter, log="again")
    if name == "predict" and again.status:  # refused, so all samples must be there
        assert "already holds samples" in check_sentence(again, (2,))
    else:
        check_done(again)
    all_steps = reference.outcome.steps()
    if name.startswith("fit") and first.status != 0 and 0 < done < all_steps:
        assert again.steps() <= all_steps - done, f"{done} steps were saved, {again.steps()} of {all_steps} came again"
    check_same(newest_version(snapshot(work)), newest_version(reference.after))


def _saved_step(folder: Path) -> int:
    steps = [torch.load(path, weights_only=True)["global_step"] for path in folder.rglob("runs/**/last.ckpt")]
    return max(steps, default=0)


def newest_version(files: dict[str, str]) -> dict[str, str]:
    """Call the newest version of a run ``version``: a run that was killed before anything was saved may start anew."""
    versions = sorted({name.split("/")[2] for name in files if name.startswith("runs/run/version_")})
    if not versions:
        return files
    newest = f"runs/run/{versions[-1]}/"
    kept = {name: digest for name, digest in files.items() if not name.startswith("runs/run/version_")}
    return kept | {name.replace(newest, "run/"): files[name] for name in files if name.startswith(newest)}
