"""A second process is told who is at work; a dead one holds nothing; nothing of a lock stays."""

import os
import re
import signal
import socket
import threading
import time

import holders
import pytest

from lightning_modules.errors import InputError
from lightning_modules.lock_files import ENDING
from lightning_modules.locks import current_command, hold, locked, release, releasing


def refusal(path, **settings):
    with pytest.raises(InputError) as caught:
        hold(path, **settings)
    return str(caught.value)


def test_the_second_is_told_who_is_first(tmp_path):
    path = tmp_path / "runs" / "mine"
    with holders.held(path) as first:
        sentence = refusal(path, otherwise="give another --output")
        who = f"process {first.pid} on {socket.gethostname()} (scoretap fit --config mine), since 20"
        assert sentence.startswith(f"'{path}' is being written by {who}"), sentence
        end = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: wait until it ends, or give another --output"
        assert re.search(f"{end}$", sentence)
        assert hold(tmp_path / "runs" / "other")
    assert hold(path)
    for each in (path, tmp_path / "runs" / "other"):
        release(each)
    assert os.listdir(tmp_path / "runs") == []


def test_the_same_place_by_another_name(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with holders.held(tmp_path / "real"):
        assert "is being written by process" in refusal(tmp_path / "link")
        assert "is being written by process" in refusal(tmp_path / "real" / ".." / "link" / ".")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, None], ids=["killed", "ended", "done"])
def test_a_dead_process_holds_nothing(number, tmp_path):
    with holders.held(tmp_path / "a") as first:
        holders.end(first, number)
        with locked(tmp_path / "a"):
            assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


def test_a_forked_child_does_not_keep_the_lock_of_a_killed_parent(tmp_path):
    """Workers that load data outlive their parent by seconds."""
    fork = holders.HOLD.replace("    print(", "    import os, time\n    if os.fork() == 0: time.sleep(3)\n    print(")
    first = holders.start(fork, tmp_path / "a")
    first.send_signal(signal.SIGKILL)
    os.waitpid(first.pid, 0)
    start = time.monotonic()
    assert hold(tmp_path / "a") and time.monotonic() - start < 2.0
    release(tmp_path / "a")
    first.stdout.close(), first.stdin.close()


def test_waiting_for_what_both_need(tmp_path, capfd):
    first = holders.start(holders.HOLD, tmp_path / "cache.npy")
    (timer := threading.Timer(0.6, lambda: holders.end(first))).start()
    assert hold(tmp_path / "cache.npy", wait=True)
    timer.join()
    release(tmp_path / "cache.npy")
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and f"waiting for '{tmp_path}/cache.npy', which is being made by process" in err
    assert os.listdir(tmp_path) == []


def test_one_process_holds_a_place_once_and_a_command_keeps_nothing(tmp_path):
    with releasing(["table", "my runs"]):
        assert current_command() == "scoretap table 'my runs'"
        assert hold(tmp_path / "a") and not hold(tmp_path / "a")
        with locked(tmp_path / "a"):
            pass
        with releasing():
            hold(tmp_path / "b")
        assert os.listdir(tmp_path) == [f".a{ENDING}"], "an inner block keeps what the outer one holds"
    assert os.listdir(tmp_path) == []


def test_links_in_the_place_of_a_lock(tmp_path):
    (victim := tmp_path / "victim").write_text("precious")
    (tmp_path / f".a{ENDING}").symlink_to(victim)
    (tmp_path / f".b{ENDING}").hardlink_to(victim)
    os.mkfifo(tmp_path / f".c{ENDING}")
    for name in ("a", "c"):
        assert "remove it" in refusal(tmp_path / name)
    with locked(tmp_path / "b"):  # the name that nobody holds was removed
        assert not os.path.samefile(tmp_path / f".b{ENDING}", victim)
    assert victim.read_text() == "precious"


def test_what_cannot_be_locked_is_left_to_say_so_itself(tmp_path):
    (tmp_path / "file").write_text("")
    assert not hold(tmp_path / "file" / "below")
    assert not hold("/proc/nothing/here")


def test_names_of_every_length(tmp_path):
    long = tmp_path / ("é" * 120)
    with holders.held(long):
        assert "is being written by" in refusal(long)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_in_one_that_cannot_be_written(tmp_path):
    (tmp_path / "outer" / "mine").mkdir(parents=True)
    (tmp_path / "outer").chmod(0o500)
    try:
        with holders.held(tmp_path / "outer" / "mine"):
            assert "is being written by" in refusal(tmp_path / "outer" / "mine")
    finally:
        (tmp_path / "outer").chmod(0o700)


def test_one_of_many_wins(tmp_path):
    """Eight processes take and release one lock at once, over and over; never do two hold it."""
    code = """
import os, sys
from lightning_modules.locks import locked
print("ready", flush=True)
sys.stdin.readline()
for _ in range(40):
    with locked(sys.argv[1], wait=True):
        os.close(os.open(sys.argv[1], os.O_CREAT | os.O_EXCL))
        os.unlink(sys.argv[1])
"""
    many = [holders.start(code, tmp_path / "x") for _ in range(8)]
    for each in many:
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in many:
        each.communicate(timeout=60)
        assert each.returncode == 0
    assert os.listdir(tmp_path) == []
