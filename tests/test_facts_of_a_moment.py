"""A checkpoint that its run writes anew while a command draws: rows and manifests tell of the bytes that drew."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch

from callbacks.sample_folder import SampleFolder
from lightning_modules.checkpoints.reading import fingerprint, read_checkpoint
from lightning_modules.cli import main
from lightning_modules.command_line import trainer as module

DRAW = ["--sampling.num_steps=2", "--vocoder=GriffinLim", "--trainer.enable_progress_bar=false"]
PREDICT = ["--data=SampleRequests", "--data.init_args.labels=[0,1,2]", "--data.init_args.batch_size=1", *DRAW]


@pytest.fixture
def run(score_subnet, tmp_path, monkeypatch):
    """A run that goes on: its checkpoint, what it writes next, and the function that does so."""
    monkeypatch.chdir(tmp_path)
    path, following = tmp_path / "last.ckpt", tmp_path / "next"
    shutil.copy(score_subnet, path)
    stored = torch.load(path, weights_only=True)
    stored["global_step"] += 1000
    for name, tensor in stored["state_dict"].items():
        if name.startswith("network.") and tensor.is_floating_point():
            tensor.mul_(0.5)
    torch.save(stored, following)
    return path, lambda: shutil.copy(following, path)


def go_on_after(monkeypatch, owner, name, write):
    """Let the run write its next checkpoint as soon as a function was called."""
    function = getattr(owner, name)

    def called(*args, **settings):
        result = function(*args, **settings)
        write()
        return result

    monkeypatch.setattr(owner, name, called)


@pytest.mark.parametrize("moment", ["checked", "drawn"])
def test_the_row_and_the_manifest_of_test(moment, run, evaluator, monkeypatch):
    path, write = run
    drew = read_checkpoint(path)
    owner, name = (module, "check_fits") if moment == "checked" else (SampleFolder, "draw")
    go_on_after(monkeypatch, owner, name, write)
    scoring = {"evaluator": evaluator, "count": 2, "folder": "drawn", "minimum_accuracy": 0, "cache_dir": "kept"}
    given = [f"--scoring.{name}={value}" for name, value in scoring.items()]
    assert main(["test", "--ckpt_path", str(path), *given, *DRAW]) == 0
    row = json.loads(Path("drawn/scores.json").read_text())[0]
    weights = fingerprint(drew["state_dict"])
    assert row["training_steps"] == drew["global_step"] == read_checkpoint(path)["global_step"] - 1000
    assert row["checkpoint"] == weights != fingerprint(read_checkpoint(path)["state_dict"])
    with open("drawn/manifest.csv", newline="") as file:
        assert {entry["checkpoint"] for entry in csv.DictReader(file)} == {weights}


def test_the_manifest_of_predict_and_another_moment_does_not_go_on(run, monkeypatch, capfd):
    path, write = run
    weights = fingerprint(read_checkpoint(path)["state_dict"])
    command = ["predict", "--ckpt_path", str(path), *PREDICT]
    with monkeypatch.context() as patch:
        go_on_after(patch, module, "check_fits", write)
        assert main([*command, "--sample_writer.folder=whole"]) == 0
    with open("whole/manifest.csv", newline="") as file:
        assert {entry["checkpoint"] for entry in csv.DictReader(file)} == {weights}

    def stop(*args, **settings):
        raise OSError(28, "No space left on device", "samples")

    with monkeypatch.context() as patch:
        patch.setattr(SampleFolder, "finish", stop)
        assert main(command) == 1
    stored = json.loads(Path("samples/.unfinished.json").read_text())
    assert stored["checkpoint"] == fingerprint(read_checkpoint(path)["state_dict"]) != weights
    torch.save({**read_checkpoint(path), "state_dict": _halved(read_checkpoint(path)["state_dict"])}, path)
    capfd.readouterr()
    assert main(command) == 2
    assert "an unfinished run with another checkpoint" in capfd.readouterr().err


def _halved(tensors):
    return {
        name: t * 0.5 if name.startswith("network.") and t.is_floating_point() else t for name, t in tensors.items()
    }
