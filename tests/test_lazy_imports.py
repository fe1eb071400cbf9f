"""Heavy and optional packages are imported where they are used, and nowhere else."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny

from lightning_modules.cli import COMMANDS

ROOT = Path(__file__).parents[1]

# As if the packages were not installed: neither found as modules nor as distributions.
BLOCK = """
import importlib.abc, importlib.metadata, json, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r} (blocked)", name=name.split(".")[0])

find = importlib.metadata.Distribution.from_name

def from_name(name):
    if name in BLOCKED:
        raise importlib.metadata.PackageNotFoundError(name)
    return find(name)

importlib.metadata.Distribution.from_name = from_name
BLOCKED = set(json.loads(sys.argv[1]))
sys.meta_path.insert(0, Blocker())
"""


def python(code, *args, cwd):
    """Run ``code`` in a fresh interpreter that sees the packages of this checkout only."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code, *args], cwd=cwd, env=environment, capture_output=True, text=True, timeout=200
    )


@pytest.mark.slow
def test_training_needs_neither_wandb_nor_matplotlib(configs, tmp_path):
    train = (
        "import torch; torch.set_num_threads(1)\nfrom lightning_modules.cli import main\nsys.exit(main(sys.argv[2:]))"
    )
    arguments = tiny.fit_arguments(configs, "classifier", tmp_path / "out", "--trainer.fast_dev_run=1")
    done = python(BLOCK + train, '["wandb", "matplotlib", "espeakng_loader"]', *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "(blocked)" not in done.stderr


def test_the_blocker_blocks(tmp_path):
    done = python(BLOCK + "import matplotlib", '["matplotlib"]', cwd=tmp_path)
    assert done.returncode == 1 and "(blocked)" in done.stderr


def test_own_code_imports_nothing_heavy_by_itself(tmp_path):
    """LightningCLI imports much; the modules of this project add no heavy package to that."""
    code = """
import sys
import lightning.pytorch.cli, torchaudio.transforms
before = set(sys.modules)
import callbacks, datamodules, lightning_modules.command_line.trainer, lightning_modules.command_line.demo
import lightning_modules.evaluation.scoring, lightning_modules.evaluation.tables.plot
import lightning_modules.evaluation.report, lightning_modules.evaluation.vocoders
import lightning_modules.command_line.listen
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(sorted(new & {"wandb", "librosa", "matplotlib", "espeakng_loader"}))
"""
    done = python(code, cwd=tmp_path)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr[-2000:]


def test_help_is_quick(tmp_path):
    """It names every command and imports neither the trainer nor torch."""
    code = "import sys\nfrom lightning_modules.cli import main\nmain(sys.argv[1:])\nassert 'torch' not in sys.modules"
    start = time.perf_counter()
    done = python(code, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for command in COMMANDS:
        assert f"\n  {command}" in done.stdout
    assert time.perf_counter() - start < 5.0


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("validate", "test")])
def test_help_of_a_command(command, capsys):
    from lightning_modules.cli import main

    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    expected = {
        "fit": "--sampling.num_steps",
        "predict": "gamma of classifier guidance",
        "score": "evaluator",
        "table": "readme",
        "plot": "panels",
        "report": "per_digit",
        "vocoders": "griffin-lim-32",
        "demo": "output",
        "listen": "vocoder",
        "models": "name",
        "export": "card",
        "clean": "older_than",
    }
    assert expected[command] in printed
