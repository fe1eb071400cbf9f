"""The one entry point: `scoretap fit|validate|test|predict` and the commands that are no Trainer methods."""

import sys
from collections.abc import Callable, Sequence

from lightning_modules.allocator import keep_freed_memory
from lightning_modules.errors import InputError, NonFiniteError

USAGE = """usage: scoretap COMMAND [--config NAME_OR_FILE ...] [--KEY VALUE ...]

commands
  fit        train a classifier, an evaluator, a Score Subnet or a U-Net
  validate   loss (and accuracy) on validation clips
  test       the same on test clips
  predict    draw samples from a checkpoint: scoretap predict --ckpt_path X
  score      judge folders of WAVs with a separately trained evaluator
  table      collect scores of runs: Markdown, CSV and a plot
  plot       metrics of runs against a swept setting, and which are as good as a reference
  report     a page on which samples of runs are heard side by side
  demo       the whole method on the embedded corpus, in minutes

`scoretap COMMAND --help` lists a command's settings; add --model NAME or --data NAME for those of a class.
"""


def console() -> int:
    """The installed command: :func:`main` in a process that is all its own."""
    keep_freed_memory()
    return main()


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: command line without the program's name; default ``sys.argv[1:]``.

    Returns:
        Exit status: 0 done, 1 a run failed for a reason that one sentence tells, 2 bad input.
    """
    args = list(sys.argv[1:] if args is None else args)
    if not args or args[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    command, rest = args[0], args[1:]
    if command not in ("fit", "validate", "test", "predict", "score", "table", "plot", "report", "demo"):
        expected = "fit, validate, test, predict, score, table, plot, report or demo"
        return _fail(f"unknown command {command!r}: expected {expected}", 2)
    if "" not in sys.path:
        sys.path.append("")  # classes of one's own, in the folder one stands in, as `python -m` would find them
    try:
        _command(command)(rest)
    except InputError as error:
        return _fail(str(error), 2)
    except NonFiniteError as error:
        return _fail(str(error), 1)
    return 0


def _command(name: str) -> Callable[[list[str]], None]:
    """The function behind a command; imported here so that `--help` stays quick."""
    if name == "demo":
        from lightning_modules.demo import run_demo as command
    elif name == "score":
        from lightning_modules.scoring import score_command as command
    elif name == "table":
        from lightning_modules.tables import table_command as command
    elif name == "plot":
        from lightning_modules.tables import plot_command as command
    elif name == "report":
        from lightning_modules.report import report_command as command
    else:
        from functools import partial

        from lightning_modules.trainer_cli import run_trainer

        command = partial(run_trainer, name)
    return command


def _fail(sentence: str, status: int) -> int:
    print(f"scoretap: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(console())
