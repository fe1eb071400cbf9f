"""The campaign can fail: its accidents happen, its comparisons see what differs, and its exit status tells."""

import errno
import os
import signal
from pathlib import Path

import pytest
from campaign.__main__ import _run_all, _summary
from campaign.cases import Case
from campaign.commands import fail_from, limit_files, run, signal_at
from campaign.outcomes import check_same, check_sentence, snapshot

MODELS = ["models"]


def two_files(content="x" * 100):
    """Write two files, which are two events."""
    for name in ("a", "b"):
        Path(name).write_text(content)


def test_a_case_that_fails_is_counted_and_told(tmp_path, capsys):
    def fails(folder):
        raise AssertionError("no page")

    cases = [Case("good", lambda folder: None), Case("bad", fails), Case("died", lambda folder: os._exit(3))]
    results = [("kills", *result) for result in _run_all("kills", cases, tmp_path, 2)]
    assert {name: bool(fault) for _, name, fault, _ in results} == {"good": False, "bad": True, "died": True}
    assert _summary(results, seed=5) == 1 and _summary(results[:0], seed=5) == 0
    printed = capsys.readouterr().out
    assert "| kills | 3 | 1 |" in printed and "FAILED bad: no page" in printed
    assert "make campaign CAMPAIGN='kills --seed 5 --only \"bad\"'" in printed


def test_accidents_happen_at_their_event(tmp_path):
    assert run(MODELS, tmp_path / "whole", prepare=two_files).events == ["open", "open"]
    killed = run(MODELS, tmp_path / "killed", signal_at(2), prepare=two_files)
    assert killed.status == -signal.SIGKILL
    assert set(snapshot(tmp_path / "killed")) == {"a"}
    full = run(MODELS, tmp_path / "full", fail_from(2, errno.ENOSPC), prepare=two_files)
    assert full.status == 70 and "No space left on device" in full.err
    with pytest.raises(AssertionError, match="a traceback"):
        check_sentence(full)

    def too_large():
        limit_files(50, kill=True)()
        two_files()

    assert run(MODELS, tmp_path / "cut", prepare=too_large).status == -signal.SIGXFSZ


def test_folders_are_compared(tmp_path):
    for name, content in (("one", "a,seconds\n1,2\n"), ("same", "a,seconds\n1,3\n"), ("other", "a,seconds\n2,2\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").write_text(content)
    one, same, other = (snapshot(tmp_path / name) for name in ("one", "same", "other"))
    check_same(one, same)
    with pytest.raises(AssertionError, match="differs: x.csv"):
        check_same(one, other)
    with pytest.raises(AssertionError, match="left over: y"):
        check_same({**one, "y": ""}, one)
