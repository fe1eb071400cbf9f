"""Files appear whole or not at all, under a umask, and never through a link that somebody planted."""

import errno
import os
import stat

import pytest
import soundfile
import torch

from datamodules.audio_files import write_wav
from datamodules.manifest import ManifestPart, merge_parts
from lightning_modules import new_files
from lightning_modules.metrics.feature_statistics import FeatureStatistics
from lightning_modules.new_files import new_file, new_folder


@pytest.fixture
def umask():
    """Set the umask to 077, as on a machine where nobody may look into another's files."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_the_umask_holds(tmp_path, umask):
    with new_file(tmp_path / "file") as temporary:
        temporary.write_text("x")
    with new_folder(tmp_path / "folder"):
        pass
    write_wav(tmp_path / "clip.wav", torch.zeros(10), 16000)
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder", "clip.wav")}
    assert modes == {"file": 0o600, "folder": 0o700, "clip.wav": 0o600}


def test_a_usual_umask_lets_others_read(tmp_path):
    before = os.umask(0o022)
    try:
        with new_file(tmp_path / "file"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_planted_links_are_not_followed(tmp_path, monkeypatch):
    """The links have the names that were once guessable, and the name that comes by chance."""
    (victim := tmp_path / "victim").write_text("precious")
    (samples := tmp_path / "samples").mkdir()
    for name in (".clip.wav.tmp", ".manifest.csv.tmp", ".manifest.rank0.tmp", ".statistics.pt.tmp"):
        (samples / name).symlink_to(victim)
    write_wav(samples / "clip.wav", torch.zeros(10), 16000)
    ManifestPart(samples, 0)
    merge_parts(samples)
    FeatureStatistics(torch.zeros(2), torch.zeros(2, 2), 3).save(samples / "statistics.pt")
    assert soundfile.read(samples / "clip.wav")[1] == 16000
    monkeypatch.setattr(new_files.secrets, "token_hex", lambda count: "guessed")
    (samples / ".file.guessed").symlink_to(victim)
    for opened in (new_file, new_folder):
        with pytest.raises(FileExistsError), opened(samples / "file"):
            pass
    assert victim.read_text() == "precious" and (samples / ".file.guessed").is_symlink()


def test_a_full_disk_leaves_the_earlier_file_and_says_which(tmp_path, monkeypatch):
    (path := tmp_path / "file").write_text("good")
    with pytest.raises(OSError, match="No space left on device: .*/file'") as caught, new_file(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "gone")))
    with pytest.raises(OSError, match="gone"), new_file(path, sync=True) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "good" and os.listdir(tmp_path) == ["file"]


def test_bytes_are_synced_before_the_name_changes(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append("sync") or fsync(descriptor))
    monkeypatch.setattr(os, "replace", lambda *names: done.append("rename") or replace(*names))
    with new_file(tmp_path / "file", sync=True) as temporary:
        temporary.write_text("new")
    assert done == ["sync", "rename", "sync"]


def test_a_long_name_fits(tmp_path):
    with new_file(tmp_path / ("é" * 120 + ".csv")) as temporary:
        temporary.write_text("x")
    assert [path.suffix for path in tmp_path.iterdir()] == [".csv"]


def test_a_part_of_a_manifest_is_not_written_through_a_link(tmp_path):
    (victim := tmp_path / "victim").write_text("precious")
    part = ManifestPart(tmp_path, 0)
    part.path.unlink()
    part.path.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        part.add(0, {})
    assert victim.read_text() == "precious"


def test_a_table_of_the_demo_is_not_written_through_a_link(tmp_path):
    from lightning_modules.command_line.demo import _predict_arguments

    (victim := tmp_path / "victim").write_text("precious")
    (tmp_path / "unguided.csv").symlink_to(victim)
    _predict_arguments(tmp_path, 0.0, 2)
    assert victim.read_text() == "precious" and (tmp_path / "unguided.csv").read_text().startswith("label,seed")


def test_names_are_taken_again_where_another_process_has_swept_them(tmp_path, monkeypatch):
    """Between making a temporary file and locking it, another command may take it for a leaving."""
    taken = []
    keep = new_files.keep

    def lose(descriptor):
        if not taken:
            (path,) = tmp_path.glob(".file.*")
            taken.append(path.name)
            path.unlink()
        keep(descriptor)

    monkeypatch.setattr(new_files, "keep", lose)
    with new_file(tmp_path / "file") as temporary:
        temporary.write_text("whole")
        assert temporary.name != taken[0]
    assert os.listdir(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "whole"


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def none(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    with new_file(tmp_path / "file") as temporary:
        temporary.write_text("whole")
    with new_folder(tmp_path / "folder"):
        pass
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_signal_while_a_folder_is_removed_leaves_nothing(tmp_path, monkeypatch):
    removed, rmtree = [], new_files.shutil.rmtree

    def interrupted(path, **settings):
        removed.append(path)
        if len(removed) == 1:
            raise KeyboardInterrupt
        rmtree(path, **settings)

    monkeypatch.setattr(new_files.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "corpus") as folder:
        (folder / "clip.wav").write_text("half")
        raise ValueError("the work fails, and its folder is removed")
    assert list(tmp_path.iterdir()) == []
