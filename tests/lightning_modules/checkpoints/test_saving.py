"""Checkpoints that are whole or not there, and what is said of those that are damaged."""

import os
import resource
import shutil
import signal
import tempfile
import zipfile

import pytest
import tiny
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Trainer
from tiny import check

from lightning_modules import InputError
from lightning_modules.checkpoints.reading import find_checkpoint, read_checkpoint
from lightning_modules.checkpoints.saving import WholeCheckpointIO, write_whole_checkpoints
from lightning_modules.cli import main

STATE = {"global_step": 3, "weights": torch.arange(4.0)}


def flipped(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def tensor_offset(path):
    """Place of a byte in the largest tensor of a checkpoint."""
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        content = archive.read(largest)
    return path.read_bytes().index(content) + len(content) // 2


def test_nothing_goes_through_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    WholeCheckpointIO().save_checkpoint(STATE, tmp_path / "deep" / "last.ckpt")
    loaded = WholeCheckpointIO().load_checkpoint(tmp_path / "deep" / "last.ckpt")
    assert torch.equal(loaded["weights"], STATE["weights"]) and os.listdir(tmp_path / "deep") == ["last.ckpt"]


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_write_that_fails_leaves_the_good_one(call, tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeCheckpointIO().save_checkpoint(STATE, path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left"):
            WholeCheckpointIO().save_checkpoint({**STATE, "global_step": 4}, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["last.ckpt"]


@pytest.mark.parametrize("strategy", ["auto", "ddp"])
def test_every_strategy_gets_it_and_a_plugin_stays(strategy):
    class Own(TorchCheckpointIO):
        pass

    for plugins, expected in ((None, WholeCheckpointIO), ([Own()], Own)):
        trainer = Trainer(accelerator="cpu", devices=1, strategy=strategy, plugins=plugins, logger=False)
        write_whole_checkpoints(trainer)
        assert type(trainer.strategy.checkpoint_io) is expected


def test_fit_writes_by_it(configs, tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(WholeCheckpointIO, "save_checkpoint", lambda self, content, path, **more: saved.append(path))
    limits = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=0.3"]
    assert main(tiny.fit_arguments(configs, "classifier", tmp_path, *limits)) == 0
    assert any(str(path).endswith("last.ckpt") for path in saved)


def test_a_bit_that_changed_is_seen(classifier, tmp_path):
    path = tmp_path / "last.ckpt"
    shutil.copy(classifier, path)
    flipped(path, tensor_offset(path))
    torch.load(path, map_location="cpu", weights_only=True)  # says nothing
    with pytest.raises(InputError, match="damaged or no checkpoint .*another checksum.*: use another copy"):
        read_checkpoint(path)
    with pytest.raises(InputError, match="damaged"):
        WholeCheckpointIO().load_checkpoint(path)


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "missing"])
def test_the_newest_good_checkpoint_is_named(damage, classifier, tmp_path, scoretap):
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    content = read_checkpoint(classifier)
    for step in (7, 30, 20):  # the last one written is not the furthest
        torch.save({**content, "global_step": step}, folder / f"step={step}.ckpt")
    shutil.copy(folder / "step=30.ckpt", folder / "last.ckpt")
    (folder / "step=40.ckpt").write_bytes(b"PK")
    (folder / ".last.ckpt.0123.ckpt").write_bytes(classifier.read_bytes())
    last = folder / "last.ckpt"
    if damage == "flipped":
        flipped(last, tensor_offset(last))
    elif damage == "missing":
        last.unlink()
    else:
        os.truncate(last, 0 if damage == "empty" else last.stat().st_size // 2)
    status, err = scoretap("validate", "--ckpt_path", tmp_path / "run")
    assert status == 2 and err.count("\n") == 1
    check(err, [f"whole is '{folder}/step=30.ckpt'"])
    assert find_checkpoint(str(folder / "step=30.ckpt")).name == "step=30.ckpt"


def test_a_disk_at_fault_is_not_called_a_damaged_checkpoint(classifier, scoretap, monkeypatch):
    def fail(path, *args, **kwargs):
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(torch, "load", fail)
    status, err = scoretap("validate", "--ckpt_path", classifier)
    assert status == 1 and err.count("\n") == 1
    check(err, [f"cannot use '{classifier}': Input/output error"])


def test_a_checkpoint_larger_than_the_disk_has_room_for(scoretap, configs, tmp_path):
    """A limit of file sizes stands for the disk; the checkpoint of an earlier run stays as it was."""
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    more = [tmp_path, "--trainer.limit_train_batches=0.3", "--trainer.max_epochs=1"]
    assert scoretap(*tiny.fit_arguments(configs, "classifier", *more))[0] == 0  # features are kept, too
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    content = last.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        status, err = scoretap(*tiny.fit_arguments(configs, "classifier", *more, "--seed_everything=7"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert status == 1 and err.count("\n") == 1, err
    check(err, [".ckpt': File too large"])
    assert last.read_bytes() == content
    assert not [path for path in last.parent.iterdir() if path.name[0] == "."], "leavings"
