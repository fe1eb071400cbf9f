"""A container that runs under a number without a name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from datamodules.feature_cache import default_cache_dir
from lightning_modules import InputError

SCRIPT = """
import os, pwd
def unknown(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = unknown
import lightning_modules.cli, getpass
print(getpass.getuser())
"""


def name_in_a_process(**names):
    kept = {k: v for k, v in os.environ.items() if k not in ("LOGNAME", "USER", "LNAME", "USERNAME")}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**kept, **names}, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_user_without_a_name_gets_one_and_others_keep_theirs():
    assert name_in_a_process() == f"uid{os.getuid()}"
    assert name_in_a_process(USER="anna") == "anna"


def test_a_user_without_a_home_is_told_to_name_a_cache(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setenv("XDG_CACHE_HOME", "/mnt/cache")
    assert default_cache_dir() == Path("/mnt/cache/scoretap")
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(InputError, match="set HOME or XDG_CACHE_HOME"):
        default_cache_dir()
