"""Digests follow the bytes of files, and unchanged files are read once."""

import hashlib
import json
import os

import pytest

from datamodules import contents

OLD = 10**9 * 1_600_000_000


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """Two files, long settled."""
    monkeypatch.setattr(contents, "SETTLED_NS", -(10**12))
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, ns=(OLD, OLD))
    return tmp_path


@pytest.fixture
def hashed(monkeypatch):
    names, digest = [], contents._digest
    monkeypatch.setattr(contents, "_digest", lambda file, state: names.append(file[-5:]) or digest(file, state))
    return names


def find(root):
    return contents.digests(root, ["a.wav", "b.wav"], root / "memory.json")


def test_unchanged_files_are_read_once(corpus, hashed):
    expected = [hashlib.sha256(name.encode()).hexdigest() for name in ("a.wav", "b.wav")]
    assert find(corpus) == expected == find(corpus) and hashed == ["a.wav", "b.wav"]


def in_place(file):
    file.write_bytes(b"c.wav")


def replaced(file):
    other = file.with_name("new")
    other.write_bytes(b"c.wav")
    os.replace(other, file)


@pytest.mark.parametrize("change", [in_place, replaced])
def test_other_bytes_under_an_old_time_are_noticed(corpus, hashed, change):
    before = find(corpus)
    change(corpus / "a.wav")
    os.utime(corpus / "a.wav", ns=(OLD, OLD))
    after = find(corpus)
    assert after[0] == hashlib.sha256(b"c.wav").hexdigest() != before[0] and after[1] == before[1]
    assert hashed == ["a.wav", "b.wav", "a.wav"]


def test_fresh_files_are_not_remembered(corpus, monkeypatch, hashed):
    monkeypatch.setattr(contents, "SETTLED_NS", 10**12)
    assert find(corpus) == find(corpus) and hashed == ["a.wav", "b.wav"] * 2


@pytest.mark.parametrize("memory", ["", "{", "[]", '{"a.wav": 3}', '{"a.wav": [1]}', '{"a.wav": []}'])
def test_a_damaged_memory_is_forgotten(corpus, hashed, memory):
    (corpus / "memory.json").write_text(memory)
    assert len(find(corpus)[0]) == 64 and len(hashed) == 2
    assert json.loads((corpus / "memory.json").read_text())["a.wav"][-1] == find(corpus)[0]


def test_a_memory_that_cannot_be_written_is_done_without(corpus):
    (corpus / "file").touch()
    found = contents.digests(corpus, ["a.wav"], corpus / "file" / "memory.json")
    assert found == [hashlib.sha256(b"a.wav").hexdigest()]


def test_what_is_no_file_has_a_digest_until_it_is_mended(corpus):
    (corpus / "a.wav").unlink()
    (corpus / "a.wav").symlink_to("a.wav")
    (corpus / "b.wav").unlink()
    os.mkfifo(corpus / "b.wav")
    found = find(corpus)
    assert all(digest.startswith("unreadable") for digest in found)
    (corpus / "b.wav").unlink()
    (corpus / "b.wav").write_bytes(b"b.wav")
    assert find(corpus) == [found[0], hashlib.sha256(b"b.wav").hexdigest()]
