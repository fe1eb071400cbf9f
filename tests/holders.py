"""Processes that hold locks, live and die."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


def start(code, *args, cwd=None):
    """Run ``code`` in another process; returns it when it has printed ``ready``."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def end(process, number=None):
    """Let a process go on and end well, or end it by a signal."""
    if number is None:
        process.communicate("go\n", timeout=60)
    else:
        process.send_signal(number)
        process.communicate(timeout=60)
    return process.returncode


HOLD = """
import sys
from lightning_modules.locks import hold, releasing
with releasing(["fit", "--config", "mine"]):
    hold(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held(path):
    """Let another process hold the lock of ``path`` in the block."""
    process = start(HOLD, path)
    try:
        yield process
    finally:
        if process.poll() is None:
            end(process, signal.SIGKILL)
