"""Checkpoints, weights and cards that are damaged, foreign or made to deceive: one sentence, soon, and no code runs."""

import copy
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch

from campaign.cases import Case
from campaign.commands import limit_memory, run
from campaign.outcomes import check_sentence, snapshot
from campaign.world import References, World

MEMORY = 4 << 30  # bytes that a command on hostile input may ask for
SECONDS = 60.0
DAMAGES, STRUCTURES, PICKLES, CARDS = 42, 60, 12, 42
PLAIN = [None, -1, 10**30, float("nan"), True, "", "x", "٣", "../../etc", [], {}, [[1]], {"class_path": "os.system"}]
JUNK = [*PLAIN, "x" * 5000, {"_class_path": "evil.Net"}, torch.zeros(3, dtype=torch.int64),
        torch.full((2, 2), float("nan")), b"\0"]  # fmt: skip
Damage = Callable[[bytes, Random], bytes]


def damages() -> dict[str, Damage]:
    """Ways to damage the bytes of any file, by name."""

    def flip(content: bytes, random: Random) -> bytes:
        at = random.randrange(len(content))
        return content[:at] + bytes([content[at] ^ (1 << random.randrange(8))]) + content[at + 1 :]

    def block(content: bytes, random: Random) -> bytes:
        at, size = random.randrange(len(content)), random.randrange(1, 4096)
        return content[:at] + random.choice([b"\0", b"\xff", b"a"]) * size + content[at + size :]

    return {
        "cut": lambda content, random: content[: random.randrange(len(content))],
        "a flipped bit": flip,
        "a flipped bit near its start": lambda content, random: flip(content[:200], random) + content[200:],
        "a flipped bit near its end": lambda content, random: content[:-200] + flip(content[-200:], random),
        "a block written over": block,
        "a piece lost": lambda content, random: content[: (at := random.randrange(len(content)))] + content[at + 99 :],
        "random bytes": lambda content, random: random.randbytes(random.randrange(1, 9999)),
    }


def cases(world: World, references: References, random: Random) -> Iterator[Case]:
    """Damaged bytes, damaged structures, pickles that call functions, and cards beside weights."""
    kinds, uses = damages(), ("predict", "validate", "resume", "weights_from", "backbone", "evaluator")
    for number in range(DAMAGES):
        what, use = list(kinds)[number % len(kinds)], uses[number % len(uses)]
        yield Case(f"{use}: {what} {number}", partial(_damaged, world, use, kinds[what], random.random()))
    for number in range(STRUCTURES):
        use = uses[number % len(uses)]
        yield Case(f"{use}: another value {number}", partial(_restructured, world, use, random.random()))
    for number in range(PICKLES):
        use = uses[number % len(uses)]
        yield Case(f"{use}: a foreign file {number}", partial(_foreign, world, use, number))
    for number in range(CARDS):
        yield Case(f"a card or weights {number}", partial(_card, world, number, random.random()))


def command(world: World, use: str, path: str) -> list[str]:
    """A command that reads the checkpoint ``path``."""
    short = ["--trainer.max_epochs=-1", "--trainer.max_steps=1"]
    commands = {
        "predict": lambda: world.predict(model=path),
        "validate": lambda: ["validate", "--ckpt_path", path, "--trainer.enable_progress_bar=false"],
        "resume": lambda: world.fit("classifier", "--trainer.max_steps=8", f"--ckpt_path={path}"),
        "weights_from": lambda: world.fit("classifier", *short, f"--weights_from={path}"),
        "backbone": lambda: world.fit("score_subnet", *short, f"--model.init_args.classifier={path}"),
        "evaluator": lambda: world.test(f"--scoring.evaluator={path}"),
    }
    return commands[use]()


def _source(world: World, use: str) -> Path:
    return world.model({"predict": "score_subnet", "evaluator": "evaluator"}.get(use, "classifier"))


def check_hostile(args: list[str], work: Path, may_pass: bool) -> bool:
    """Run a command on hostile input: a sentence and no code, in bounds of time and memory; whether it passed."""
    outcome = run(args, work, prepare=limit_memory(MEMORY), timeout=SECONDS)
    assert not (work / "pwned").exists(), "code from the file was run"
    if outcome.status == 0 and may_pass:
        assert "Traceback" not in outcome.err, outcome.err[-600:]
        return True
    assert outcome.status != 0, "was accepted"
    check_sentence(outcome)
    return False


def _damaged(world: World, use: str, damage: Damage, seed: float, folder: Path) -> None:
    """Refused, unless the command makes of it what it makes of the undamaged file."""
    content, work = _source(world, use).read_bytes(), folder / "work"
    work.mkdir()
    (work / "it.ckpt").write_bytes(damage(content, Random(seed)))
    if check_hostile(command(world, use, "it.ckpt"), work, may_pass=True):
        found = torch.load(work / "it.ckpt", weights_only=True)["state_dict"]
        expected = torch.load(_source(world, use), weights_only=True)["state_dict"]
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items()), "other weights were used"


def _restructured(world: World, use: str, seed: float, folder: Path) -> None:
    stored, work, random = torch.load(_source(world, use), weights_only=True), folder / "work", Random(seed)
    work.mkdir()
    for _ in range(random.choice([1, 1, 2])):
        change_one(stored, random, JUNK)
    torch.save(stored, work / "it.ckpt")
    check_hostile(command(world, use, "it.ckpt"), work, may_pass=True)


def change_one(settings: Any, random: Random, junk: list) -> None:
    """Delete one value of nested settings, or put junk in its place."""
    holder, key = settings, random.choice(list(settings) if isinstance(settings, dict) else range(len(settings)))
    while isinstance(holder[key], dict | list) and holder[key] and random.random() < 0.75:
        holder = holder[key]
        key = random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
    if random.random() < 0.4:
        del holder[key]
    else:
        holder[key] = copy.deepcopy(random.choice(junk))


class _Bomb:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def _foreign(world: World, use: str, number: int, folder: Path) -> None:
    work, path = folder / "work", folder / "work" / "it.ckpt"
    work.mkdir()
    deep: Any = []
    for _ in range(150):
        deep = [deep]
    good = torch.load(_source(world, use), weights_only=True)
    makers = [
        lambda: path.write_bytes(pickle.dumps(_Bomb())),
        lambda: torch.save({**good, "scoretap": _Bomb()}, path),
        lambda: torch.save({**good, "hyper_parameters": {**good["hyper_parameters"], "_class_path": "evil.Net"}}, path),
        lambda: torch.save(deep, path),
        lambda: torch.save(good["state_dict"], path),
        lambda: torch.save([1, 2], path),
        lambda: path.mkdir(),
        lambda: path.symlink_to("it.ckpt"),
        lambda: os.mkfifo(path),
        lambda: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        lambda: shutil.make_archive(str(path), "zip", world.configs) and Path(f"{path}.zip").rename(path),
        lambda: path.write_bytes(b""),
    ]
    (work / "evil.py").write_text("open('pwned', 'w')\n")
    makers[number % len(makers)]()
    check_hostile(command(world, use, "it.ckpt"), work, may_pass=False)


def _card(world: World, number: int, seed: float, folder: Path) -> None:
    """A shipped model's two files, of which one is damaged."""
    shipped = Path(__file__).parents[2] / "lightning_modules" / "pretrained"
    work, random = folder / "work", Random(seed)
    work.mkdir()
    for suffix in (".json", ".safetensors"):
        shutil.copy(shipped / f"english-digits{suffix}", work / f"it{suffix}")
    kinds = damages()
    if number % 3 == 0:
        path = work / "it.safetensors"
        path.write_bytes(kinds[random.choice(list(kinds))](path.read_bytes(), random))
    elif number % 3 == 1:
        path = work / "it.json"
        path.write_bytes(kinds[random.choice(list(kinds))](path.read_bytes(), random))
    else:
        content = json.loads((work / "it.json").read_text())
        change_one(content, random, PLAIN)
        (work / "it.json").write_text(json.dumps(content))
    before = snapshot(work)
    check_hostile(world.predict("samples", "it.safetensors"), work, may_pass=number % 3 != 0)
    assert all(snapshot(work)[name] == digest for name, digest in before.items()), "its files were changed"
