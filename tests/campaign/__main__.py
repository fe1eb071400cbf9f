"""The command: `make campaign`, or `PYTHONPATH=tests python -m campaign` with the options below."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch; the networks are tiny, and forks share no threads

import argparse
import csv
import logging
import random
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from campaign import disks, hostile_audio, hostile_checkpoints, hostile_corpora, hostile_settings, kills, pairs, signals
from campaign.cases import Case
from campaign.world import References, World

KINDS = {
    "kills": kills.cases,
    "disks": disks.cases,
    "pairs": pairs.cases,
    "signals": signals.cases,
    "hostile_checkpoints": hostile_checkpoints.cases,
    "hostile_audio": hostile_audio.cases,
    "hostile_corpora": hostile_corpora.cases,
    "hostile_settings": hostile_settings.cases,
}
LIMIT = 600  # seconds for one case


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen cases, print a table, and write it to ``results.csv``; 1 if a case failed."""
    parser = argparse.ArgumentParser(prog="python -m campaign", description="Hard trials: how many hold.")
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; all by default")
    parser.add_argument("--only", action="append", help="cases whose name has this in it; may stand several times")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the damages")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases at once")
    parser.add_argument("--output", type=Path, default=Path("runs/campaign"), help="folder of results and leavings")
    settings = parser.parse_args(arguments)
    if wrong := set(settings.kinds) - KINDS.keys():
        parser.error(f"unknown kinds: {', '.join(sorted(wrong))}")
    _import_everything()
    folder = settings.output.resolve()
    shutil.rmtree(folder / "work", ignore_errors=True)
    world = World(folder / "world")
    world.build()
    references = References(world, folder / "work" / "references")
    results = []
    for kind in settings.kinds or KINDS:
        made = KINDS[kind](world, references, random.Random(f"{settings.seed} {kind}"))
        chosen = [case for case in made if any(part in case.name for part in settings.only or [""])]
        broken = _prepare(kind, chosen, references)
        results += [(kind, case.name, broken[case.plan], 0.0) for case in chosen if case.plan in broken]
        ready = [case for case in chosen if case.plan not in broken]
        results += [(kind, *result) for result in _run_all(kind, ready, folder / "work" / kind, settings.jobs)]
        _write(folder / "results.csv", results)
    return _summary(results, settings.seed)


def _import_everything() -> None:
    """Import what commands need, once for all of them."""
    import librosa  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import scipy.linalg  # noqa: F401

    import lightning_modules.command_line.demo
    import lightning_modules.command_line.trainer
    import lightning_modules.evaluation.report.listening_page  # noqa: F401

    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def _prepare(kind: str, cases: list[Case], references: References) -> dict[str, str]:
    """Make the uninterrupted runs of all plans; those that fail without any accident, with their faults."""
    broken = {}
    for name in dict.fromkeys(case.plan for case in cases if case.plan):
        try:
            print(f"{kind}: {name}, uninterrupted: {references.get(name).outcome.seconds:.1f} s", flush=True)
        except AssertionError as error:
            broken[name] = f"{name} fails without an accident: {error}"
            print(f"{kind}: {broken[name]}", flush=True)
    return broken


def _run_all(kind: str, cases: list[Case], folder: Path, jobs: int) -> list[tuple[str, str, float]]:
    """Run cases in processes of their own; name, fault (empty for none) and seconds of each."""
    waiting, running, results = list(reversed(cases)), {}, []
    while waiting or running:
        while waiting and len(running) < jobs:
            case = waiting.pop()
            place = folder / case.name.replace(" ", "_").replace("/", "_")
            running[_fork(case, place)] = (case, place, time.monotonic())
        pid, status = os.wait()
        case, place, start = running.pop(pid)
        fault = place / "fault"
        text = fault.read_text() if fault.exists() else ("" if status == 0 else f"the case itself died ({status})")
        results.append((case.name, text, time.monotonic() - start))
        if not text:
            shutil.rmtree(place, ignore_errors=True)
        held = sum(not result[1] for result in results)
        print(f"{kind} {len(results)}/{len(cases)}, {held} held: {case.name}{': ' + text if text else ''}", flush=True)
    return results


def _fork(case: Case, folder: Path) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        folder.mkdir(parents=True)
        signal.alarm(LIMIT)
        case.check(folder)
        status = 0
    except BaseException as error:
        (folder / "fault").write_text(f"{'' if isinstance(error, AssertionError) else repr(error) + ' '}{error}"[:1500])
    finally:
        os._exit(status)


def _write(path: Path, results: list) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "case", "held", "seconds", "fault"])
        writer.writerows((kind, name, int(not fault), f"{took:.1f}", fault) for kind, name, fault, took in results)


def _summary(results: list, seed: int) -> int:
    print("\n| kind | tried | held | seconds |\n| :-- | --: | --: | --: |")
    for kind in dict.fromkeys(result[0] for result in results):
        those = [result for result in results if result[0] == kind]
        held = sum(not fault for _, _, fault, _ in those)
        print(f"| {kind} | {len(those)} | {held} | {sum(took for *_, took in those):.0f} |")
    failed = [result for result in results if result[2]]
    for kind, name, fault, _ in failed:
        words = " ".join(fault.split())[:300]
        print(f"\nFAILED {name}: {words}\n  make campaign CAMPAIGN='{kind} --seed {seed} --only \"{name}\"'")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
