"""A checkpoint says where its corpus was; nothing is written there."""

from pathlib import Path

import pytest
import torch

from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.command_line.stored_places import without_places


def settings(class_name, **init_args):
    data = {"class_path": f"datamodules.{class_name}", "init_args": dict(init_args)}
    without_places(data)
    return data["init_args"]


@pytest.mark.parametrize("name", ["SC09DataModule", "SpokenDigitsDataModule"])
def test_a_corpus_that_is_there_is_used_and_no_other(name, tmp_path, digits_root):
    assert settings(name, root=str(digits_root), seed=3) == {"root": str(digits_root), "seed": 3}
    assert settings(name, root=str(digits_root.parent)) == {"root": str(digits_root.parent)}
    for elsewhere in (tmp_path, tmp_path / "missing", "~nobody/x", "a\0b", 7, None):
        assert settings(name, root=elsewhere if elsewhere in (7, None) else str(elsewhere)) == {}


def test_caches_and_downloads_are_for_commands_to_ask_for(digits_root):
    assert settings("SC09DataModule", root=str(digits_root), cache_dir="/mnt/c", download=True) == {
        "root": str(digits_root)
    }
    assert settings("SpeechCommandsDataModule", root="gone", cache_dir="x") == {"root": "gone"}


def test_a_command_writes_no_cache_where_the_checkpoint_says(scoretap, classifier, tmp_path):
    content = read_checkpoint(classifier)
    content["datamodule_hyper_parameters"]["cache_dir"] = str(tmp_path / "planted")
    torch.save(content, tmp_path / "x.ckpt")
    command = ["validate", "--ckpt_path", tmp_path / "x.ckpt", "--trainer.accelerator=cpu"]
    assert scoretap(*command) == (0, "")
    assert not (tmp_path / "planted").exists()
    assert scoretap(*command, "--data.init_args.cache_dir=asked")[0] == 0
    assert any(Path("asked").iterdir())
