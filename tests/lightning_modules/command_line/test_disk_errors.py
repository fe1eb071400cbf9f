"""A disk that is full, read-only or gone ends a command in one sentence with exit status 1; nothing good is lost."""

import errno
import gc
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny
from tiny import check

from lightning_modules import cli
from lightning_modules.cli import main
from lightning_modules.command_line import models
from lightning_modules.command_line.disk_errors import disk_sentence
from lightning_modules.errors import InputError


def failing(number, path=None):
    raise OSError(number, os.strerror(number), *([] if path is None else [path]))


def sentence_of(function, *args):
    try:
        function(*args)
    except OSError as error:
        return disk_sentence(error)
    raise AssertionError("no error")


@contextmanager
def small_disk():
    """Files may have no more than 20,000 bytes: a full disk, as far as a process can see.

    It ends within the test: pytest writes its progress, to a file perhaps, before fixtures are torn down.
    """
    before, old = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)


def test_features_that_do_not_fit_on_the_disk(scoretap, configs):
    gc.collect()  # progress bars of runs that earlier tests stopped would move this one's to a second line
    with small_disk():
        status, err = scoretap(*tiny.fit_arguments(configs, "classifier", "out", "--data.init_args.cache_dir=cache"))
    assert status == 1 and err.count("\n") == 1, err
    check(err, ["cache", "File too large"])


def test_a_log_on_a_full_disk(scoretap, configs, monkeypatch):
    """Python's error of a write has no path; the sentence has it all the same."""
    from lightning.fabric.loggers import csv_logs

    def write(self, *args):
        failing(errno.ENOSPC)

    monkeypatch.setattr(csv_logs.csv.DictWriter, "writerow", write)
    monkeypatch.setattr(csv_logs.csv.DictWriter, "writerows", write)
    status, err = scoretap(*tiny.fit_arguments(configs, "classifier", "out"))
    assert status == 1 and err.count("\n") == 1, err
    check(err, ["out/run/metrics.csv", "No space left on device", "free some space"])


@pytest.mark.parametrize("place", ["file/below", "/proc/nothing/here"])
def test_a_run_folder_that_cannot_be_made(place, scoretap, configs):
    Path("file").write_text("mine")
    status, err = scoretap(*tiny.fit_arguments(configs, "classifier", place))
    assert status == 1 and err.count("\n") == 1, err
    check(err, [place.rpartition("/")[0], "irectory"])
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EIO, errno.ENOSPC, errno.ESTALE, errno.EDQUOT])
def test_every_error_of_the_system_in_any_command(number, scoretap, monkeypatch):
    monkeypatch.setattr(models, "table_text", lambda entries: failing(number, "/mnt/there"))
    status, err = scoretap("models")
    assert status == 1 and err.count("\n") == 1
    check(err, ["cannot use '/mnt/there'", os.strerror(number)])


def test_a_sentence_of_its_own_about_a_full_disk_is_no_bad_input(monkeypatch, capsys):
    """Folders that a user can correct stay bad input."""

    def run(number):
        def command(*args):
            try:
                failing(number)
            except OSError as error:
                raise InputError("cannot keep features") from error

        monkeypatch.setattr(cli, "_run", command)
        return main(["models"])

    assert run(errno.ENOSPC) == 1 and run(errno.EROFS) == 1
    assert run(errno.EACCES) == 2 and run(errno.ENOTDIR) == 2


def test_the_file_in_hand_is_named(tmp_path):
    def write():
        with open(tmp_path / "table.csv", "w") as table:
            table.write("half")
            failing(errno.ENOSPC)

    check(sentence_of(write), [f"cannot use '{tmp_path}/table.csv': No space left on device: free"])
    check(sentence_of(os.listdir, tmp_path / "nowhere"), ["nowhere': No such file or directory"])
    check(sentence_of(failing, errno.EMFILE), ["Too many open files", "ulimit -n"])


@pytest.mark.parametrize("target", ["/dev/full", "closed"])
def test_standard_output_that_takes_nothing(target):
    """`scoretap models > /dev/full` and `scoretap models | true`."""
    command = [sys.executable, "-m", "lightning_modules.cli", "models"]
    if target == "closed":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(target, os.O_WRONLY)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=Path(cli.__file__).parents[1])
    os.close(writer)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "space left" in done.stderr if target == "/dev/full" else "Broken pipe" in done.stderr
