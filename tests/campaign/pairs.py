"""Two processes that do the same at once: both are right, or the second says in one sentence who was there first."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from campaign.cases import Case
from campaign.commands import Process
from campaign.outcomes import check_done, check_same, check_sentence, snapshot
from campaign.world import References, World

COUNTS = {"fit by steps": 4, "fit on taps": 1, "predict": 3, "test": 3, "report again": 2, "demo": 2, "corpus": 2,
          "download": 2, "cache": 2, "table": 1, "listen": 1}  # fmt: skip


def cases(world: World, references: References, random: Random) -> Iterator[Case]:
    """Starts at the same moment, and up to the length of the run apart."""
    for name, count in COUNTS.items():
        for number in range(count):
            share = random.random() if number else 0.0
            yield Case(f"{name} twice {number}", partial(_two, references, name, share), name)


def _two(references: References, name: str, share: float, folder: Path) -> None:
    reference, work = references.get(name), folder / "work"
    plan = references.prepare(name, work)
    first = Process(plan.args, work, prepare=plan.enter, log="first")
    time.sleep(share * reference.outcome.seconds)
    second = Process(plan.args, work, prepare=plan.enter, log="second")
    ended = {process.pid: process.wait() for process in (first, second)}
    refused = {pid: outcome for pid, outcome in ended.items() if outcome.status}
    assert len(refused) < 2, f"both failed: {[outcome.err[-300:] for outcome in refused.values()]}"
    for pid, outcome in refused.items():
        sentence = check_sentence(outcome)
        other = next(other for other in ended if other != pid)
        assert str(other) in sentence or "already" in sentence, f"does not name the other process {other}: {sentence}"
    for outcome in ended.values():
        if not outcome.status:
            check_done(outcome)
    found = snapshot(work)
    versions = sorted({path.split("/")[2] for path in found if path.startswith("runs/run/version_")})
    for version in versions[1:]:  # two runs side by side are two runs
        ours = {path: digest for path, digest in found.items() if path.startswith(f"runs/run/{version}/")}
        check_same({path.replace(version, versions[0]): digest for path, digest in ours.items()},
                   {path: digest for path, digest in reference.after.items() if path.startswith("runs/")})  # fmt: skip
        found = {path: digest for path, digest in found.items() if path not in ours}
    check_same(found, reference.after)
