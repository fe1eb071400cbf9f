"""A report that is killed at any moment leaves the earlier one or the new one, and its votes."""

import os
import signal
import sys

import pytest

from lightning_modules.evaluation.report import folder as module
from lightning_modules.evaluation.report.folder import MARKER, check_folder, put_back, report_folder
from lightning_modules.leavings import forget_swept
from lightning_modules.locks import locked

STEPS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "shutil.rmtree"}


def write(final, content):
    with locked(final):
        put_back(final)
        check_folder(final)
        with report_folder(final) as page:
            (page / "audio").mkdir()
            for name in ("index.html", "audio/1.wav"):
                (page / name).write_text(content)


def killed_at(step, final):
    """Write a report in a process of its own that is killed at its n-th step; False where it ends before."""
    if (child := os.fork()) == 0:
        left = [step]

        def count(event, arguments):
            if event in STEPS:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            write(final, "new")
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def holds(final):
    """Which report ``final`` holds, with all its files and the votes; None for none."""
    if not final.exists():
        return None
    assert {path.name for path in final.iterdir()} == {MARKER, "index.html", "audio", "votes.csv", "more"}
    assert (final / "votes.csv").read_text() == "mine" and (final / "more" / "votes.csv").read_text() == "mine"
    (content,) = {(final / name).read_text() for name in ("index.html", "audio/1.wav")}
    return content


def earlier(final):
    write(final, "old")
    (final / "more").mkdir()
    for name in ("votes.csv", "more/votes.csv"):
        (final / name).write_text("mine")


@pytest.mark.parametrize("exchanged", [True, False], ids=["exchanged", "renamed"])
def test_killed_at_every_step(exchanged, tmp_path, monkeypatch):
    if not exchanged:
        monkeypatch.setattr(module, "exchange", lambda one, other: False)
    found, step = [], 1
    while True:
        final = tmp_path / str(step) / "page"
        final.parent.mkdir()
        earlier(final)
        if not killed_at(step, final):
            break
        found.append(holds(final))
        forget_swept()
        with locked(final):  # what the next report does first
            put_back(final)
        assert holds(final) in ("old", "new")
        with report_folder(final) as page:
            (page / "audio").mkdir()
            for name in ("index.html", "audio/1.wav"):
                (page / name).write_text("next")
        assert holds(final) == "next"
        assert os.listdir(final.parent) == ["page"], "what the killed one left"
        step += 1
    assert len(found) > 20 and found[0] == "old" and found[-1] == "new"
    assert (None in found) is not exchanged, "where names cannot be exchanged there is a moment without one"


def test_folders_that_only_look_like_an_earlier_report_stay(tmp_path):
    (tmp_path / ".page.mine.earlier-report" / "mine").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / MARKER).write_text("")
    (tmp_path / ".page.link.earlier-report").symlink_to("other")
    write(tmp_path / "page", "new")
    assert len(os.listdir(tmp_path)) == 4 and (tmp_path / "other" / MARKER).is_file()
