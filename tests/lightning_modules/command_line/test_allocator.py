"""The console command, and it alone, lets malloc keep memory, unless somebody chose otherwise."""

import os
import subprocess
import sys

import pytest

from lightning_modules import allocator, cli

ON_GLIBC = sys.platform == "linux" and bool(getattr(__import__("ctypes").CDLL(None), "gnu_get_libc_version", None))
CHOICES = ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "SCORETAP_PLAIN_MALLOC", "LD_PRELOAD"]


class Library:
    """A C library that notes what it is asked."""

    def __init__(self, answer=1):
        self.asked, self.answer, self.gnu_get_libc_version = [], answer, None

    def mallopt(self, parameter, value):
        assert -(2**31) <= value < 2**31
        self.asked.append(parameter)
        return self.answer


@pytest.fixture
def library(monkeypatch):
    library = Library()
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    return library


def test_all_three_are_set(library):
    assert allocator.keep_freed_memory({}) and library.asked == [-3, -1, -2]


@pytest.mark.parametrize("name", CHOICES)
def test_choices_of_the_user_win(name, library):
    assert not allocator.keep_freed_memory({name: "1"}) and library.asked == []


def test_other_libraries_are_left_alone(library, monkeypatch):
    library.answer = 0
    assert not allocator.keep_freed_memory({})
    del library.gnu_get_libc_version
    library.asked.clear()
    assert not allocator.keep_freed_memory({}) and library.asked == []
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert not allocator.keep_freed_memory({})


def test_the_console_alone_does_it(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(cli, "keep_freed_memory", lambda: calls.append(1))
    monkeypatch.setattr(sys, "argv", ["scoretap", "--help"])
    assert cli.main(["--help"]) == 0 and calls == []
    assert cli.console() == 0 and calls == [1]
    assert "usage: scoretap" in capsys.readouterr().out


@pytest.mark.skipif(not ON_GLIBC, reason="no glibc here")
def test_freed_memory_stays():
    """100 MB that were freed are still resident; by default glibc returns a block of that size at once."""
    code = """if 1:
        import sys
        from lightning_modules.command_line.allocator import keep_freed_memory
        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * 4096
        if sys.argv[1] == "keep":
            assert keep_freed_memory({})
        block = bytearray(b"x") * 100_000_000
        before = resident()
        del block
        print(before - resident())
    """
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    freed = [int(subprocess.check_output([sys.executable, "-c", code, mode], env=plain)) for mode in ("keep", "plain")]
    assert freed[0] < 1e6 and freed[1] > 9e7
