"""Runs a command in a process of its own, which an accident may meet at a chosen event.

A process is forked from one that has imported everything, so that starting it takes no seconds. Its events are what it
does to files below its folder, and steps of a model: the same in every run, so that an event's number repeats a case.
"""

import contextlib
import errno
import fcntl
import importlib.util
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

WRITING = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"}
STEPS = {
    "training step": "torch:Tensor.backward",
    "validation step": "lightning.pytorch.loops.evaluation_loop:_EvaluationLoop._evaluation_step",
    "drawing": "lightning.pytorch.loops.prediction_loop:_PredictionLoop._predict_step",
    "sync": "os:fsync",
}
TIMEOUT = 200.0  # seconds; a case takes a few on an idle core
Act = Callable[[str, str, bool], None]  # gets the event, its path, and whether it is the chosen one or a later one


@dataclass
class Accident:
    """What happens when a command's event ``at`` comes (counted from 1), and at all later ones."""

    at: int
    act: Act


def signal_at(at: int, number: int = signal.SIGKILL) -> Accident:
    """Send the process a signal."""
    return Accident(at, lambda event, path, first: os.kill(os.getpid(), number) if first else None)


def fail_from(at: int, code: int) -> Accident:
    """Let what is written fail from then on, as on a disk that is full (which still renames and removes) or gone."""

    def act(event: str, path: str, first: bool) -> None:
        full = code in (errno.ENOSPC, errno.EDQUOT)
        if event in ("open", "os.mkdir", "sync") or (event in WRITING and not full):
            raise OSError(code, os.strerror(code), *([path] if path else []))

    return Accident(at, act)


def vanish_at(at: int, folder: Path) -> Accident:
    """Move ``folder`` away, as a network's disk goes."""

    def act(event: str, path: str, first: bool) -> None:
        if first and folder.exists():
            folder.rename(folder.with_name(f"{folder.name} gone"))

    return Accident(at, act)


@dataclass
class _Events:
    """Events of this process so far, and the accident that waits for one of them."""

    folder: str
    accident: Accident | None
    names: list[str] = field(default_factory=list)
    busy: bool = False

    def install(self) -> None:
        sys.addaudithook(self._audit)
        for event, place in STEPS.items():
            module, _, path = place.partition(":")
            owner, names = importlib.import_module(module), path.split(".")
            for name in names[:-1]:
                owner = getattr(owner, name)
            setattr(owner, names[-1], self._counted(event, getattr(owner, names[-1])))

    def _counted(self, event: str, function: Callable) -> Callable:
        def counted(*args, **kwargs):
            self.happen(event, "")
            return function(*args, **kwargs)

        return counted

    def _audit(self, event: str, args: tuple) -> None:
        if self.busy or (event not in WRITING and event != "open"):
            return
        if not isinstance(args[0], str | bytes | os.PathLike):
            return
        if event == "open" and not (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        path = os.path.abspath(os.fsdecode(args[0]))
        if path.startswith(self.folder):
            self.happen(event, path)

    def happen(self, event: str, path: str) -> None:
        self.names.append(event)
        if self.accident is not None and len(self.names) >= self.accident.at:
            self.busy = True
            try:
                self.accident.act(event, path, len(self.names) == self.accident.at)
            finally:
                self.busy = False


@dataclass
class Outcome:
    """How a command ended: exit status (minus the number of a signal that killed it), what it printed, its events."""

    status: int
    out: str
    err: str
    events: list[str]
    seconds: float

    def steps(self, event: str = "training step") -> int:
        """How often ``event`` came; of a killed command nothing is known."""
        return self.events.count(event)


class Process:
    """A command that runs in ``folder``.

    Args:
        args: the command line.
        folder: working folder; the user's caches and temporary files lie in it too.
        accident: what happens to it.
        prepare: called in the process before the command.
        environment: further variables.
        log: name of the files that take what it prints, beside ``folder``.
    """

    def __init__(
        self,
        args: Sequence[str],
        folder: Path,
        accident: Accident | None = None,
        prepare: Callable[[], None] | None = None,
        environment: dict[str, str] | None = None,
        log: str = "log",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.logs = {kind: folder.with_name(f"{folder.name}.{log}.{kind}") for kind in ("out", "err")}
        self.pipes = {kind: os.pipe() for kind in (*self.logs, "events")}  # no limit of sizes stops these
        self.read = {kind: bytearray() for kind in self.pipes}
        for reading, writing in self.pipes.values():
            os.set_blocking(reading, False)
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
        self.start = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            status = 70
            try:
                self._enter(folder, environment or {})
                # What Lightning starts for further devices is the command again, not the campaign.
                sys.modules["__main__"].__spec__ = importlib.util.find_spec("lightning_modules.cli")
                sys.argv = ["scoretap", *args]
                events = _Events(f"{folder}{os.sep}", accident)
                events.install()
                if prepare is not None:
                    prepare()
                status = _main(args)
                events.busy = True
                os.write(self.pipes["events"][1], "\n".join(events.names).encode())
            except BaseException:
                traceback.print_exc()
            finally:
                for stream in (sys.stdout, sys.stderr):
                    with contextlib.suppress(OSError):
                        stream.flush()
                os._exit(status)
        for _, writing in self.pipes.values():
            os.close(writing)

    def _enter(self, folder: Path, environment: dict[str, str]) -> None:
        os.setpgid(0, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        for descriptor, kind in ((1, "out"), (2, "err")):
            os.dup2(self.pipes[kind][1], descriptor)
        sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
        os.chdir(folder)
        places = {"XDG_CACHE_HOME": "cache", "TMPDIR": "tmp", "HOME": "home"}
        os.environ.update({name: str(folder.with_name(f"{folder.name}.{place}")) for name, place in places.items()})
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        os.makedirs(os.environ["TMPDIR"], exist_ok=True)
        os.environ.update(environment)

    def wait(self, timeout: float = TIMEOUT) -> Outcome:
        """Wait for the end, and make one after ``timeout`` seconds."""
        while (ended := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
            self._drain()
            if time.monotonic() - self.start > timeout:
                os.killpg(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"did not end within {timeout:.0f} s: {self._drain()['err'][-600:]}")
            time.sleep(0.005)
        seconds, printed = time.monotonic() - self.start, self._drain()
        for kind in ("out", "err"):
            self.logs[kind].write_text(printed[kind])
        events = printed["events"].split("\n") if printed["events"] else []
        return Outcome(os.waitstatus_to_exitcode(ended[1]), printed["out"], printed["err"], events, seconds)

    def _drain(self) -> dict[str, str]:
        for kind, (reading, _) in self.pipes.items():
            with contextlib.suppress(BlockingIOError):
                while block := os.read(reading, 1 << 16):
                    self.read[kind] += block
        return {kind: bytes(content).decode(errors="replace") for kind, content in self.read.items()}


def run(args: Sequence[str], folder: Path, accident: Accident | None = None, **settings) -> Outcome:
    """Run a command to its end."""
    timeout = settings.pop("timeout", TIMEOUT)
    return Process(args, folder, accident, **settings).wait(timeout)


def limit_files(size: int, kill: bool = False) -> Callable[[], None]:
    """Let a process write no file beyond ``size`` bytes: the write fails, or kills the process at that byte."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kill else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return prepare


def limit_memory(more: int) -> Callable[[], None]:
    """Let a process ask for ``more`` bytes than it has."""

    def prepare() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    return prepare


def _main(args: Sequence[str]) -> int:
    from lightning_modules.cli import main

    try:
        status = main([str(arg) for arg in args])
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    return status
