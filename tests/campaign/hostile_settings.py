"""Flags, YAML, manifests and tables out of range, absurd or damaged: one sentence, before any work."""

import csv
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import yaml

from campaign.cases import Case
from campaign.hostile_checkpoints import PLAIN, change_one, check_hostile, damages
from campaign.outcomes import file_digests
from campaign.world import References, World

FLAGS, CONFIGS, TABLES = 90, 30, 36
VALUES = ["-1", "nan", "inf", "x", "", "1_0", "٣", "[]", "{}", "[1, [2]]", "-9223372036854775809", "1e400", "½", "0",
          "1000000000000", "-0.5", "1e30", "{class_path: os.system}",
          "!!python/object/apply:os.system ['touch pwned']"]  # fmt: skip
FLAGGED = {
    "fit": """seed_everything data.init_args.batch_size data.init_args.fraction data.init_args.dither
        data.init_args.seed data.init_args.labels data.init_args.num_workers data.init_args.changed_share
        data.init_args.speaker_pattern model.init_args.optimization.learning_rate
        model.init_args.optimization.weight_decay model.init_args.optimization.warmup_steps
        model.init_args.network.init_args.base_channels model.init_args.network.init_args.dropout
        model.init_args.network.init_args.multipliers model.init_args.network.init_args.time_width
        model.init_args.network.init_args.blocks_per_stage trainer.gradient_clip_val trainer.devices
        trainer.max_steps trainer.max_epochs trainer.log_every_n_steps trainer.limit_val_batches
        trainer.limit_train_batches trainer.accumulate_grad_batches trainer.precision trainer.callbacks
        trainer.max_time data.init_args.front_end.init_args.num_frames""",
    "predict": """data.init_args.labels data.init_args.count data.init_args.seed data.init_args.batch_size
        sampling.num_steps sampling.guidance_scale sampling.sampler vocoder trainer.devices ckpt_path""",
    "test": """scoring.count scoring.seed scoring.labels scoring.minimum_accuracy scoring.batch_size scoring.external
        sampling.num_steps""",
    "report": "per_digit output",
    "listen": "num_steps guidance_scale seed model vocoder output",
    "demo": "samples_per_digit data",  # a share of steps above 1 is the whole demo, which takes minutes
}


def cases(world: World, references: References, random: Random) -> Iterator[Case]:
    """Senseless and absurd values of flags, configs, and tables that people or other programs may have written."""
    flags = [(command, flag) for command, text in FLAGGED.items() for flag in text.split()]
    for number in range(FLAGS):
        (command, flag), value = flags[number % len(flags)], random.choice(VALUES)
        yield Case(f"{command} --{flag}={value} {number}", partial(_flag, world, command, flag, value))
    for name, text in YAMLS.items():
        yield Case(f"config: {name}", partial(_config, world, text))
    for number in range(CONFIGS):
        yield Case(f"config: another value {number}", partial(_changed_config, world, random.random()))
    kinds = list(damages())
    for number in range(TABLES):
        use = ("report", "score", "csv", "table")[number % 4]
        what = kinds[number // 4 % len(kinds)] if number % 8 < 4 else "another cell"
        yield Case(f"{use}: {what} {number}", partial(_table, world, use, what, random.random()))


def _command(world: World, name: str) -> list[str]:
    quick = ["--trainer.max_epochs=-1", "--trainer.max_steps=1", "--trainer.limit_val_batches=1"]
    front_end = "--data.init_args.front_end=LogMel"
    return {
        "fit": lambda: world.fit("classifier", *quick, front_end),
        "predict": lambda: world.predict(),
        "test": lambda: world.test(),
        "report": lambda: ["report", "samples", "--output=page"],
        "listen": lambda: ["listen", "--num_steps=1"],
        "demo": lambda: ["demo", f"--data={world.configs}/data.yaml", "--steps_share=0.001"],
    }[name]()


def _flag(world: World, command: str, flag: str, value: str, folder: Path) -> None:
    """Refused before anything is written; an absurd value may also be used, if that ends soon."""
    work = folder / "work"
    work.mkdir()
    if command == "report":
        shutil.copytree(world.samples, work / "samples")
    check_refused([*_command(world, command), f"--{flag}={value}"], work)


def check_refused(args: list[str], work: Path) -> None:
    """Check that a command passes, or refuses before it writes anything but features."""
    before = file_digests(work)
    if not check_hostile(args, work, may_pass=True):
        new = [path for path in file_digests(work) if path not in before and not path.startswith("cache/")]
        assert not new, f"work was begun: {new[:3]}"


YAMLS: dict[str, str | bytes] = {
    "billions of aliases": "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(f'*{chr(97 + i)}' for _ in range(9))}]\n" for i in range(20)),
    "aliases as a model": "a: &a {b: 1}\nmodel: &m {class_path: ClassifierModule, init_args: {network: *m}}\n",
    "an alias in itself": "model: &a [*a]\n",
    "ten thousand levels": "model: " + "[" * 10_000 + "]" * 10_000,
    "a thousand levels": "model: " + "{a: " * 1000 + "1" + "}" * 1000,
    "code": "model: !!python/object/apply:os.system ['touch pwned']\n",
    "a Python name": "model: !!python/name:os.system\n",
    "two documents": "trainer: {max_steps: 1}\n---\ntrainer: {max_steps: 2}\n",
    "a tab": "trainer:\n\tmax_steps: 1\n",
    "one word": "trainer\n",
    "a list": "- trainer\n",
    "nothing": "",
    "a number as key": "1: 2\n",
    "no key": "null: 2\n",
    "a list as key": "? [a, b]\n: c\n",
    "UTF-16": "trainer: {max_steps: 1}\n".encode("utf-16"),
    "latin-1": "trainer: {max_steps: 1} # é\n".encode("latin-1"),
    "zero bytes": b"trainer:\0 {}\n",
    "bytes": bytes(range(256)),
    "a huge number": "trainer: {max_steps: " + "9" * 5000 + "}\n",
    "a date": "trainer: {max_steps: 2020-01-01}\n",
    "sixty as base": "trainer: {max_time: 1:30:00:00}\n",
    "a merge of no map": "trainer:\n  <<: 3\n",
    "a class of anybody": "model: {class_path: os.system, init_args: {command: touch pwned}}\n",
    "a class that is none": "trainer: {callbacks: [{class_path: math.pi}]}\n",
    "a class without arguments": "trainer: {callbacks: [{class_path: callbacks.EMA, init_args: 3}]}\n",
    "a callback of nothing": "trainer: {callbacks: [null]}\n",
    "a misspelt key": "trainr: {max_steps: 1}\n",
    "an unknown setting": "model: {init_args: {nothing: 1}}\n",
}  # fmt: skip


def _config(world: World, text: str | bytes, folder: Path) -> None:
    work = folder / "work"
    work.mkdir()
    (work / "it.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    check_refused([*_command(world, "fit"), "--config=it.yaml"], work)


def _changed_config(world: World, seed: float, folder: Path) -> None:
    """A config file of ours with one value changed, or with damaged bytes."""
    work, random = folder / "work", Random(seed)
    work.mkdir()
    ours = Path(__file__).parents[2] / "configs"
    source = random.choice([world.configs / "classifier.yaml", world.configs / "data.yaml", ours / "base.yaml"])
    if random.random() < 0.6:
        content = yaml.safe_load(source.read_text())
        change_one(content, random, PLAIN)
        text = yaml.safe_dump(content).encode()
    else:
        kinds = damages()
        text = kinds[random.choice(list(kinds))](source.read_bytes(), random)
    (work / "it.yaml").write_bytes(text)
    check_refused([*_command(world, "fit"), "--config=it.yaml"], work)


def _table(world: World, use: str, what: str, seed: float, folder: Path) -> None:
    """A manifest, a list of requests or a file of scores, damaged; nothing outside its folder is read or written."""
    work, random = folder / "work", Random(seed)
    work.mkdir()
    (work.parent / "secret.wav").write_bytes(next(world.samples.glob("*.wav")).read_bytes())
    if use == "table":
        path = work / "run" / "scores.json"
        path.parent.mkdir()
        shutil.copy(world.folder / "scored" / "scored" / "scores.json", path)
    else:
        path = shutil.copytree(world.samples, work / "samples") / "manifest.csv"
    if what != "another cell":
        path.write_bytes(damages()[what](path.read_bytes(), random))
    elif use == "table":
        rows = json.loads(path.read_text())
        change_one(rows, random, [*PLAIN, "<!-- /table -->", "=1+1", "|", "\n"])
        path.write_text(json.dumps(rows))
    else:
        _change_cell(path, random)
    args = {
        "report": ["report", "samples", "--output=page"],
        "score": ["score", "samples", f"--evaluator={world.model('evaluator')}"],
        "csv": [*world.predict("drawn"), "--data.init_args.labels=null", "--data.init_args.csv=samples/manifest.csv"],
        "table": ["table", "run", "--output=table"],
    }
    if check_hostile(args[use], work, may_pass=True) and use == "table":
        lines = list(csv.reader((work / "table" / "table.csv").open(newline="")))
        assert not any(cell.startswith(("=", "+", "@")) for line in lines for cell in line), "a formula in table.csv"


def _change_cell(path: Path, random: Random) -> None:
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    row, column = random.choice(rows), random.randrange(len(rows[0]))
    row[column] = random.choice(["", "-1", "x", "1_0", "٣", "nan", "../secret.wav", "/etc/passwd", "1e9", "=1+1", "99"])
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
