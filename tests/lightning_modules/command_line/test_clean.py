"""`scoretap clean` shows and removes what scoretap keeps, and nothing else."""

import os
import time
from pathlib import Path

import holders
import numpy as np
import pytest
import tiny

from datamodules import SpeechCommandsDataModule
from lightning_modules.cli import main

KEY = "0123456789abcdef" * 2
OURS = {
    "features": [f"train-{KEY}.npy", f"train-{KEY}.json", f"test-{KEY}.npy"],
    "contents": [f"contents/train-{KEY[:16]}.json", f"contents/reference-test-{KEY[:16]}.json"],
    "references": [f"references/{KEY}.pt"],
    "weights": [
        f"weights/{KEY[:16]}/a-model.safetensors",
        f"weights/{KEY[:16]}/a-model.json",
        f"weights/{KEY[1:17]}.ckpt",
    ],
}
THEIRS = [
    "train.npy", f"holiday-{KEY}.npy", f"train-{KEY}.wav", f"train-{KEY[:-1]}.npy", f"{KEY}.pt", "contents/notes.json",
    f"contents/deep/train-{KEY[:16]}.json", "references/thesis.pt", "weights/mine.ckpt", "other/x",
    f"weights/{KEY[:16]}/x.txt",
]  # fmt: skip


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with files of ours, unused for ten days, and of others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    folder = tmp_path / "user" / "scoretap"
    for name in [*(name for names in OURS.values() for name in names), *THEIRS]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(50_000))
        os.utime(folder / name, (time.time() - 10 * 86400,) * 2)
    (folder / f"val-{KEY}.npy").symlink_to(folder / "other" / "x")
    return folder


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_what_is_kept_is_shown_and_stays(cache, capsys):
    before = files(cache)
    assert main(["clean"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(cache) and "--older_than 30d" in lines[-1]
    table = {line.split()[0]: line.split()[1:6] for line in lines[2:6]}
    assert table == {
        "features": ["2", "0.1", "MB", "10", "d"],
        "contents": ["2", "0.1", "MB", "10", "d"],
        "references": ["1", "0.1", "MB", "10", "d"],
        "weights": ["2", "0.1", "MB", "10", "d"],
    }
    for more, words in (("9d", "7 of 7 have not been used for 9d, 0.5 MB: --yes true"), ("11d", "0 of 7 have not")):
        assert main(["clean", "--older_than", more]) == 0
        assert words in capsys.readouterr().out
    assert files(cache) == before


def test_only_what_is_old_and_ours_goes(cache, capsys):
    os.utime(cache / f"train-{KEY}.json")  # one file of two was used
    assert main(["clean", "--older_than", "1w", "--yes", "true"]) == 0
    assert "removed 6 of 7, 0.3 MB" in capsys.readouterr().out
    assert files(cache) == {*THEIRS, f"val-{KEY}.npy", f"train-{KEY}.npy", f"train-{KEY}.json"}
    assert main(["clean", "--older_than=0d", "--yes=true"]) == 0
    assert files(cache) == {*THEIRS, f"val-{KEY}.npy"}


def test_what_is_being_made_stays_and_leavings_go(cache, capsys):
    (cache / f".test-{KEY}.npy.0123456789abcdef.npy").write_bytes(bytes(10))
    with holders.held(cache / f"train-{KEY}.npy") as maker:
        assert main(["clean", "--older_than=0d", "--yes=true"]) == 0
    out = capsys.readouterr().out
    tiny.check(out, [f"is being written by process {maker.pid}", "removed 6 of 7"])
    assert (cache / f"train-{KEY}.npy").exists() and not list(cache.glob(".test*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--yes=true"], "expected --older_than beside --yes"),
        (["--older_than=month"], "such as 30d, got 'month'"),
        (["--older_than=-1d"], "such as 30d"),
        (["--older_than=٣d"], "such as 30d"),
        (["--cache_dir=nowhere"], "expected a folder at 'nowhere'"),
    ],
)
def test_bad_input_is_refused(arguments, words, refused):
    assert words in refused("clean", *arguments)


def test_features_are_found_by_their_names_and_used_ones_are_young(digits_root, tmp_path, capsys):
    """The names that the cache really has; what is removed is made again, equal."""

    def load():
        split = SpeechCommandsDataModule(str(digits_root), cache_dir=str(tmp_path / "cache")).split("test")
        return split.features(slice(None)).numpy()

    before = load()
    for path in (tmp_path / "cache").rglob("*"):
        os.utime(path, (0, 0))
    assert main(["clean", f"--cache_dir={tmp_path}/cache"]) == 0
    assert " d ago" in capsys.readouterr().out.splitlines()[2]
    load()
    assert main(["clean", f"--cache_dir={tmp_path}/cache", "--older_than=1d", "--yes=true"]) == 0
    assert len(list((tmp_path / "cache").glob("test-*"))) == 2
    assert main(["clean", f"--cache_dir={tmp_path}/cache", "--older_than=0d", "--yes=true"]) == 0
    assert files(tmp_path / "cache") == set()
    np.testing.assert_array_equal(load(), before)


def test_no_cache_yet(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["clean"]) == 0
    assert "nothing is kept" in capsys.readouterr().out and not Path(tmp_path, "scoretap").exists()
