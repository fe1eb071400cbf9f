"""What killed processes left is removed by the next, what living ones are at stays, and nothing else is touched."""

import os
import signal
import time

import holders
import pytest

from lightning_modules import leavings
from lightning_modules.leavings import forget_swept, sweep
from lightning_modules.lock_files import ENDING
from lightning_modules.locks import hold, release, releasing
from lightning_modules.new_files import new_file, new_folder

MAKE = """
import sys
from pathlib import Path
from lightning_modules.locks import hold
from lightning_modules.new_files import new_file, new_folder
folder = Path(sys.argv[1])
hold(folder / "version_0")
with new_folder(folder / "corpus") as corpus, new_file(folder / "train-0.npy") as part, new_file(folder / "last.ckpt"):
    (corpus / "zero").mkdir()
    (corpus / "zero" / "a.wav").write_text("x")
    part.write_text("half")
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def anew():
    forget_swept()


def test_the_dead_leave_nothing_and_the_living_keep_all(tmp_path):
    living, dead = holders.start(MAKE, tmp_path), holders.start(MAKE.replace("version_0", "version_1"), tmp_path)
    before = sorted(os.listdir(tmp_path))
    assert len(before) == 10  # two files, a folder and its lock, and the lock of a version, each twice
    holders.end(dead, signal.SIGKILL)
    with new_file(tmp_path / "other.csv"):
        pass
    assert len(os.listdir(tmp_path)) == 6 and f".version_0{ENDING}" in os.listdir(tmp_path)
    assert holders.end(living) == 0
    assert sorted(os.listdir(tmp_path)) == ["corpus", "last.ckpt", "other.csv", "train-0.npy"]
    assert (tmp_path / "train-0.npy").read_text() == "half" and (tmp_path / "corpus" / "zero" / "a.wav").is_file()


@pytest.mark.parametrize("look", [lambda at: hold(at / "x"), lambda at: new_folder(at / "x").__enter__(), sweep])
def test_every_way_to_write_looks(look, tmp_path):
    holders.end(holders.start(MAKE, tmp_path), signal.SIGKILL)
    with releasing(["fit"]):
        look(tmp_path)
        assert not [name for name in os.listdir(tmp_path) if "version_0" in name or "npy" in name or "ckpt" in name]
    release(tmp_path / "x")


def test_nothing_of_others_is_removed(tmp_path):
    """Hidden files that look much like ours, a link to a folder, a folder without a lock, whole files."""
    mine = [
        ".git", ".env.local", ".notes.0123456789abcdef", ".a.txt.0123456789ABCDEF.txt", ".a.txt.0123456789abcde.txt",
        ".a.csv.0123456789abcdef.txt", "a.npy.0123456789abcdef.npy", ".manifest.rank0.csv", ".nfs0000000000000001",
    ]  # fmt: skip
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".corpus.0123456789abcdef").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").write_text("mine")
    (tmp_path / ".en.0123456789abcdef").symlink_to("theirs")
    (tmp_path / f"..en.0123456789abcdef{ENDING}").write_text("")
    (tmp_path / ".b.npy.0123456789abcdef.npy").symlink_to("theirs/thesis.txt")
    (tmp_path / ".c.npy.0123456789abcdef.npy").mkdir()
    before = set(os.listdir(tmp_path))
    sweep(tmp_path)
    assert before - set(os.listdir(tmp_path)) <= {f"..en.0123456789abcdef{ENDING}"}
    assert (tmp_path / "theirs" / "thesis.txt").read_text() == "mine"


def test_a_shared_disk_may_have_living_processes_on_other_machines(tmp_path, monkeypatch):
    monkeypatch.setattr(leavings, "_is_shared", lambda path: True)
    holders.end(holders.start(MAKE, tmp_path), signal.SIGKILL)
    (theirs := tmp_path / f".theirs{ENDING}").write_text(
        '{"pid": 1, "host": "elsewhere", "command": "scoretap fit", "since": "2026-01-01 00:00:00"}'
    )
    part = next(tmp_path.glob(".train-0.npy.*.npy"))
    sweep(tmp_path)
    left = os.listdir(tmp_path)
    assert theirs.name in left and part.name in left, "a file younger than a day, a lock of another machine"
    assert not [name for name in left if "corpus" in name or "version_0" in name], "those of this machine"
    os.utime(part, (time.time() - 2 * leavings.DAY,) * 2)
    forget_swept()
    sweep(tmp_path)
    assert part.name not in os.listdir(tmp_path)


def test_mounts_are_read(monkeypatch, tmp_path):
    assert not leavings._is_shared(tmp_path / "x")
    table = "disk / ext4 rw 0 0\nserver:/x /mnt/my\\040data nfs4 rw 0 0\ndisk /mnt/my\\040data/local xfs rw 0 0\n"
    (tmp_path / "mounts").write_text(table)
    opened = open
    monkeypatch.setattr(
        "builtins.open", lambda path, *a, **k: opened(tmp_path / "mounts" if path == "/proc/mounts" else path, *a, **k)
    )
    places = ["/mnt/my data/a/b", "/mnt/my data/local/b", "/mnt/my data2/b", "/b"]
    assert [leavings._is_shared(leavings.Path(place)) for place in places] == [True, False, False, False]
