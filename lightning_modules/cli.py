"""The entry point `scoretap`: a table of all commands, and the function that runs one of them."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from lightning_modules.command_line.allocator import keep_freed_memory
from lightning_modules.command_line.disk_errors import disk_sentence, is_of_the_disk
from lightning_modules.errors import InputError, RunError
from lightning_modules.interruption import SignalError, stop_by_signals
from lightning_modules.locks import releasing
from lightning_modules.trust import take_flag, trusting


class Command(NamedTuple):
    """One row of the table of commands."""

    summary: str  # what the command does, for the list of commands
    function: str = ""  # `module:name` of its function, below lightning_modules; empty for a method of the Trainer
    positional: str = ""  # the argument of that function that is given without a flag, if there is one


COMMANDS = {
    "fit": Command("train a classifier, an evaluator, a Score Subnet, a U-Net or a vocoder"),
    "validate": Command("loss (and accuracy) on validation clips"),
    "test": Command("the same on test clips; with --scoring.evaluator, the row of a generator"),
    "predict": Command("draw samples from a checkpoint: scoretap predict --ckpt_path X"),
    "score": Command(
        "score folders of WAVs by a separately trained evaluator",
        "evaluation.scoring.folder_scores:score_folders",
        "folders",
    ),
    "table": Command(
        "collect scores of runs: Markdown, CSV and a plot", "evaluation.tables.run_table:make_table", "runs"
    ),
    "plot": Command(
        "metrics of runs against a setting; which equal a reference",
        "evaluation.tables.sweep_command:make_plot",
        "runs",
    ),
    "report": Command(
        "a page on which samples of runs are heard side by side", "evaluation.report.listening_page:make_report", "runs"
    ),
    "vocoders": Command(
        "vocoders side by side, on real test clips", "evaluation.vocoders.comparison:compare_vocoders", "corpora"
    ),
    "listen": Command("digits from a model that is shipped, in seconds", "command_line.listen:listen"),
    "models": Command("models with names; scoretap models NAME is a card", "command_line.models:show_models", "name"),
    "export": Command("a model with a name, from a training's checkpoint", "checkpoints.export:export", "checkpoint"),
    "clean": Command("what the cache keeps, its size and age; removes what is old", "command_line.clean:clean"),
    "demo": Command("the whole method on the embedded corpus, in minutes", "command_line.demo:demo"),
}
USAGE = f"""usage: scoretap COMMAND [--config NAME_OR_FILE ...] [--KEY VALUE ...]

commands
{chr(10).join(f"  {name:<10} {command.summary}" for name, command in COMMANDS.items())}

`scoretap COMMAND --help` lists a command's settings; add --model NAME or --data NAME for those of a class.
`--trust PACKAGE` lets a checkpoint name classes of that package of yours; so does SCORETAP_TRUST=PACKAGE.
"""


def console() -> int:
    """Run the installed command, which has the process to itself."""
    keep_freed_memory()
    return main()


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: command line without the program's name; default ``sys.argv[1:]``.

    Returns:
        Exit status: 0 for success, 1 where a run failed for a reason that one sentence tells, 2 for bad input, 128 + N
        where signal N stopped it.
    """
    args = list(sys.argv[1:] if args is None else args)
    if not args or args[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    command, rest = args[0], args[1:]
    if command not in COMMANDS:
        *names, last = COMMANDS
        return _fail(f"unknown command {command!r}: expected {', '.join(names)} or {last}", 2)
    if "" not in sys.path:
        sys.path.append("")  # so that a user's own classes in the current folder are found, as `python -m` finds them
    try:
        rest, packages = take_flag(rest)
        with trusting(packages), stop_by_signals(), releasing(args):
            _run(command, rest)
        sys.stdout.flush()  # a full disk behind it is an error like others
    except SignalError as error:
        return _fail(str(error), 128 + error.number)
    except InputError as error:
        return _fail(str(error), 1 if is_of_the_disk(error) else 2)
    except OSError as error:
        return _fail(disk_sentence(error), 1)
    except RunError as error:
        return _fail(str(error), 1)
    return 0


def _run(name: str, args: list[str]) -> None:
    """Run a command; its module is imported here so that `--help` stays quick."""
    command = COMMANDS[name]
    if not command.function:
        import_module("lightning_modules.command_line.trainer").run_trainer(name, args)
        return
    module, _, attribute = command.function.partition(":")
    function = getattr(import_module(f"lightning_modules.{module}"), attribute)
    import_module("lightning_modules.command_line.functions").run_function(function, args, name, command.positional)


def _fail(sentence: str, status: int) -> int:
    try:
        sys.stdout.flush()
    except OSError:  # nobody reads it, or its disk is full: what is left in it must not fail once more at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"scoretap: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(console())
