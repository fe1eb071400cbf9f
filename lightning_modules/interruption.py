"""Signals that stop a command: an error is raised where the command stands, or at the end of a training step."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
UNTAKEABLE = {signal.SIGKILL, signal.SIGSTOP}
_pending: list[int] = []  # the signal that training has still to answer
_waiting: list[bool] = [False]  # whether a signal waits for the end of a training step
_taken: set[int] = set(SIGNALS)  # those that stop a command


class SignalError(RuntimeError):
    """A signal has stopped the command; a shell sees the exit status 128 + ``number``.

    The message goes on with ``what`` is saved and how to resume.
    """

    def __init__(self, number: int, what: str = "") -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}{what}")
        self.number, self.what = number, what


@contextmanager
def stop_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGINT raise :class:`SignalError` inside the block; handlers of before are put back after it.

    Signals reach the main thread alone: in another thread the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in signal.valid_signals() - UNTAKEABLE}
    try:
        take_signals()
        yield
    finally:
        wait_for_step(False)
        for number in _taken:
            signal.signal(number, before[number])
        _taken.intersection_update(SIGNALS)


def take_signals(*more: int) -> None:
    """Take SIGTERM and SIGINT back from a library that has set handlers of its own.

    Args:
        more: signals that are to stop this command too, until the block of :func:`stop_by_signals` ends.
    """
    _taken.update(more)
    if threading.current_thread() is threading.main_thread():
        for number in _taken:
            signal.signal(number, _handle)


def wait_for_step(waiting: bool) -> None:
    """Choose whether the next signal waits until :func:`pending_signal` is asked; the one after it never waits."""
    _waiting[0] = waiting
    _pending.clear()


def pending_signal() -> int:
    """The number of the signal that waits for an answer; 0 for none."""
    return _pending[0] if _pending else 0


def _handle(number: int, frame: FrameType | None) -> None:
    if not _waiting[0] or _pending:
        raise SignalError(number)
    _pending.append(number)
    print(f"scoretap: {signal.Signals(number).name}: stopping after this step", file=sys.stderr, flush=True)
