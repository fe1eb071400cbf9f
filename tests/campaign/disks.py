"""Disks that are full, read-only, broken or gone: one sentence, nothing good is worse, and the next run repairs all."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from campaign.cases import Case
from campaign.commands import fail_from, limit_files, run, vanish_at
from campaign.kills import event_number, newest_version
from campaign.outcomes import check_done, check_same, check_sentence, file_digests, snapshot
from campaign.world import References, World

CODES = {"full": errno.ENOSPC, "over quota": errno.EDQUOT, "read-only": errno.EROFS, "broken": errno.EIO,
         "not permitted": errno.EACCES}  # fmt: skip
PLANS = ("fit by steps", "fit on taps", "predict", "test", "report", "report again", "corpus", "download", "cache",
         "score", "table", "listen")  # fmt: skip


def cases(world: World, references: References, random: Random) -> Iterator[Case]:
    """Each command on disks that fail at a random event, in a write, or before it starts."""
    for number, name in enumerate(PLANS):
        for step in range(2):
            word = list(CODES)[(2 * number + step) % len(CODES)]
            check = partial(_fails, references, name, CODES[word], random.random())
            yield Case(f"{name} on a {word} disk", check, name)
        yield Case(f"{name} with a file too large", partial(_too_large, references, name, random.random()), name)
    for name in ("fit by steps", "predict", "report", "test"):
        yield Case(f"{name} in a folder that vanishes", partial(_vanishes, references, name, random.random()), name)
    for name in ("fit by steps", "predict", "test", "corpus", "report again"):
        yield Case(f"{name} on a small disk", partial(_small, references, name, random.uniform(0.1, 0.9)), name)
    for name, place in {"fit by steps": "runs", "predict": "samples", "test": "scored", "table": "table"}.items():
        yield Case(f"{name} where a file lies", partial(_no_folder, references, name, place), name)
    yield Case("models to a full device", partial(_full_device, ["models"]))
    yield Case("table to a full device", partial(_full_device, ["table", str(world.folder)]))


def _fails(references: References, name: str, code: int, share: float, folder: Path) -> None:
    statuses = (1, 2) if code == errno.EACCES else (1,)  # it may be seen before any work
    _check(references, name, folder, fail_from(event_number(references, name, share), code), statuses=statuses)


def _too_large(references: References, name: str, share: float, folder: Path) -> None:
    sizes = [path.stat().st_size for path in references.place(name).rglob("*") if path.is_file()]
    _check(references, name, folder, None, limit_files(int(share * max(sizes))))


def _vanishes(references: References, name: str, share: float, folder: Path) -> None:
    work = folder / "work"
    plan = references.prepare(name, work)
    outcome = run(plan.args, work, vanish_at(event_number(references, name, share), work), prepare=plan.enter)
    if outcome.status:
        check_sentence(outcome)


def _check(references: References, name: str, folder: Path, accident, prepare=None, statuses=(1,)) -> None:
    """Run a plan on a bad disk, then on a good one."""
    reference, work = references.get(name), folder / "work"
    plan = references.prepare(name, work)
    before = file_digests(work)

    def enter() -> None:
        for act in (plan.enter, prepare):
            if act is not None:
                act()

    first = run(plan.args, work, accident, prepare=enter, log="first")
    if first.status:  # a cache that cannot be kept may be done without
        check_sentence(first, statuses)
        lost = [path for path, digest in before.items() if file_digests(work).get(path) != digest]
        assert not lost, f"was good before and is worse: {lost}"
    bad = [path for path, digest in snapshot(work).items() if digest.startswith("damaged")]
    assert not bad, f"damaged files under final names: {bad}"
    check_done(run(plan.args, work, prepare=plan.enter, log="again"))
    check_same(newest_version(snapshot(work)), newest_version(reference.after))


def _small(references: References, name: str, share: float, folder: Path) -> None:
    """A disk of its own that is smaller than what the command writes; files too large where none can be mounted."""
    after = references.place(name)
    size = sum(path.stat().st_size for path in after.rglob("*") if path.is_file())
    work = folder / "work"
    work.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={max(16384, int(share * size))}", "tmpfs", str(work)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        work.rmdir()
        _too_large(references, name, share, folder)
        return
    try:
        plan = references.plans[name]
        try:
            plan.before(work)
        except (OSError, AssertionError):  # too small even for what was to be there
            return
        before = file_digests(work)
        outcome = run(plan.args, work, prepare=plan.enter)
        check_sentence(outcome, (1,))
        found = file_digests(work)
        assert not [path for path in before if found.get(path) != before[path]], "was good before and is worse"
        bad = [path for path, digest in snapshot(work).items() if digest.startswith("damaged")]
        assert not bad, f"damaged files under final names: {bad}"
    finally:
        subprocess.run(["umount", "-l", str(work)], check=True)


def _no_folder(references: References, name: str, place: str, folder: Path) -> None:
    work = folder / "work"
    plan = references.prepare(name, work)
    (work / place).write_text("mine")
    before = file_digests(work)[place]
    check_sentence(run(plan.args, work, prepare=plan.enter))
    assert file_digests(work)[place] == before


def _full_device(args: list[str], folder: Path) -> None:
    def prepare() -> None:
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)

    check_sentence(run(args, folder / "work", prepare=prepare), (1,))
