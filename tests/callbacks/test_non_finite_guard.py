"""Never train on nonsense: a NaN stops the run, or is skipped, before it reaches a weight."""

import re

import pytest
import tiny
import torch
import yaml
from lightning.pytorch import Callback

from lightning_modules.checkpoints.reading import load_module, read_checkpoint
from lightning_modules.command_line.arguments import find_config


class Spoil(Callback):
    """Makes one log-Mel of the eighth batch, or every batch from there on, hold a NaN."""

    def __init__(self, every: bool = False) -> None:
        self.every = every

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == 7 or (self.every and trainer.global_step > 7):
            batch.x_0[3].view(-1)[5 * 64 + 6] = float("nan")
            Spoil.item = int(batch.index[3])


class SpoilGradient(Callback):
    """Makes one gradient infinite while the loss stays finite."""

    def on_after_backward(self, trainer, pl_module):
        if trainer.global_step == 7:
            next(p for p in pl_module.network.parameters() if p.grad is not None).grad.view(-1)[0] = float("inf")


@pytest.fixture
def spoilt_run(configs, classifier, tmp_path, scoretap):
    """Fits a tiny model whose eighth batch is spoilt; returns status, standard error and the run's folder."""

    def run(name, *more, spoiler="Spoil"):
        backbone = [] if name in ("classifier", "evaluator") else [f"--model.init_args.classifier={classifier}"]
        callback = f"--trainer.callbacks+=test_non_finite_guard.{spoiler}"
        status, err = scoretap(*tiny.fit_arguments(configs, name, tmp_path / "out", *backbone, callback, *more))
        return status, err, tmp_path / "out" / "run"

    return run


@pytest.fixture
def skipping(monkeypatch, tmp_path):
    """Makes the base config's guard skip up to ``max_skips`` steps in a row."""

    def change(max_skips):
        base = yaml.safe_load(find_config("base").read_text())
        guard = next(c for c in base["trainer"]["callbacks"] if c["class_path"] == "callbacks.NonFiniteGuard")
        guard["init_args"] = {"action": "skip", "max_skips": max_skips}
        (tmp_path / "work" / "base").write_text(yaml.safe_dump(base))  # a file comes before a packaged name

    return change


@pytest.mark.parametrize("name", ["classifier", "score_subnet", "unet"])
def test_run_stops_and_says_where(name, spoilt_run):
    status, err, folder = spoilt_run(name)
    assert status == 1
    sentence = err.splitlines()[-1]
    assert sentence.startswith("scoretap: ") and "Traceback" not in err
    assert "at step 7" in sentence and str(folder / "last_good.ckpt") in sentence
    named = re.search(r"non-finite for item (\d+) at t=(0\.\d{4})", sentence)
    assert named is not None and int(named[1]) == Spoil.item, "the spoilt item alone is named"
    assert "and " not in sentence.split("at t=")[1].split(";")[0]


@pytest.mark.parametrize("name", ["classifier", "score_subnet"])
def test_last_good_checkpoint_is_whole(name, spoilt_run):
    _, _, folder = spoilt_run(name)
    stored = read_checkpoint(folder / "last_good.ckpt")
    assert stored["global_step"] == 7
    tensors = {**stored["state_dict"], **{f"raw {k}": v for k, v in stored["raw_parameters"].items()}}
    moments = [v for state in stored["optimizer_states"][0]["state"].values() for v in state.values()]
    for tensor in [*tensors.values(), *moments]:
        assert torch.isfinite(tensor).all()
    assert all(torch.isfinite(p).all() for p in load_module(folder / "last_good.ckpt").parameters())


def test_non_finite_gradient_stops_too(spoilt_run):
    status, err, folder = spoilt_run("classifier", spoiler="SpoilGradient")
    assert status == 1 and "finite loss but bad gradient" in err and "at step 7" in err
    assert all(torch.isfinite(v).all() for v in read_checkpoint(folder / "last_good.ckpt")["state_dict"].values())


def test_skipping_counts_and_goes_on(spoilt_run, skipping):
    skipping(max_skips=10)
    status, err, folder = spoilt_run("classifier")
    assert status == 0, err
    assert set(tiny.logged(folder.parent, "train/skipped_steps").values()) == {1.0}
    stored = read_checkpoint(folder / "checkpoints" / "last.ckpt")
    assert all(torch.isfinite(tensor).all() for tensor in stored["state_dict"].values())
    assert stored["optimizer_states"][0]["state"][0]["step"] == 9, "nine of ten steps moved the weights"


@pytest.mark.parametrize("action", ["stop", "skip"])
def test_statistics_of_batch_norm_stay_good(action, spoilt_run, skipping):
    """The forward pass of a spoilt batch reaches them before the loss is known."""
    if action == "skip":
        skipping(max_skips=10)
    status, err, folder = spoilt_run("evaluator")
    assert status == (1 if action == "stop" else 0), err
    stored = read_checkpoint(folder / ("last_good.ckpt" if action == "stop" else "checkpoints/last.ckpt"))
    statistics = {name: value for name, value in stored["state_dict"].items() if "running" in name}
    assert statistics and all(torch.isfinite(value).all() for value in statistics.values())
    batches = {int(value) for name, value in stored["state_dict"].items() if name.endswith("num_batches_tracked")}
    assert batches == {7 if action == "stop" else 9}


def test_skipping_for_ever_stops(spoilt_run, skipping):
    skipping(max_skips=1)
    status, err, folder = spoilt_run("classifier", "--trainer.callbacks.every=true")
    assert status == 1 and "not finite at step 8" in err
    assert all(
        torch.isfinite(tensor).all() for tensor in read_checkpoint(folder / "last_good.ckpt")["state_dict"].values()
    )


def test_resuming_from_the_last_good_checkpoint(spoilt_run, configs, tmp_path):
    _, _, folder = spoilt_run("classifier")
    resumed = tiny.fit(configs, "classifier", tmp_path / "again", "--ckpt_path", folder / "last_good.ckpt")
    assert read_checkpoint(resumed)["global_step"] == 10
