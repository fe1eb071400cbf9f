"""Two paths change places, or nothing happens."""

import os

import pytest

from lightning_modules.exchange import exchange


def test_folders_change_places(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "content").write_text(name)
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("not on this file system")
    assert [(tmp_path / name / "content").read_text() for name in ("a", "b")] == ["b", "a"]


def test_what_is_missing_is_an_error_with_its_name(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        exchange(tmp_path / "a", tmp_path / "nowhere")
    assert os.listdir(tmp_path) == ["a"]


def test_where_it_cannot_be_done(tmp_path, monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda *args, **settings: object())
    assert not exchange(tmp_path / "a", tmp_path / "b")
