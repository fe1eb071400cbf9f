"""The one entry point: `scoretap fit|validate|test|predict` and the commands that are no Trainer methods."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from lightning_modules.command_line.allocator import keep_freed_memory
from lightning_modules.errors import InputError, NonFiniteError


class Command(NamedTuple):
    """One command.

    Attributes:
        does: what it does, for the list of commands.
        function: ``module:name`` of the function behind it; none for a Trainer method.
        paths: its argument that is given without a flag, if it has one.
        nargs: how many values that argument takes, as argparse counts.
    """

    does: str
    function: str = ""
    paths: str = ""
    nargs: str | None = "+"


_EVALUATION, _COMMANDS = "lightning_modules.evaluation", "lightning_modules.command_line"
COMMANDS = {
    "fit": Command("train a classifier, an evaluator, a Score Subnet, a U-Net or a vocoder"),
    "validate": Command("loss (and accuracy) on validation clips"),
    "test": Command("the same on test clips; with --scoring.evaluator, the row of a generator"),
    "predict": Command("draw samples from a checkpoint: scoretap predict --ckpt_path X"),
    "score": Command(
        "judge folders of WAVs with a separately trained evaluator",
        f"{_EVALUATION}.scoring.command:score_folders",
        "folders",
    ),
    "table": Command(
        "collect scores of runs: Markdown, CSV and a plot", f"{_EVALUATION}.tables.command:make_table", "runs"
    ),
    "plot": Command(
        "metrics of runs against a setting; which equal a reference",
        f"{_EVALUATION}.tables.sweep_command:make_plot",
        "runs",
    ),
    "report": Command(
        "a page on which samples of runs are heard side by side",
        f"{_EVALUATION}.report.command:make_report",
        "runs",
    ),
    "vocoders": Command(
        "vocoders side by side, on real test clips", f"{_EVALUATION}.vocoders.command:compare_vocoders", "corpora"
    ),
    "listen": Command("digits from a model that is shipped, in seconds", f"{_COMMANDS}.listen:listen"),
    "models": Command(
        "models with names; scoretap models NAME is a card", f"{_COMMANDS}.models:show_models", "name", "?"
    ),
    "export": Command(
        "a model with a name, from a training's checkpoint",
        "lightning_modules.checkpoints.export:export",
        "checkpoint",
        None,
    ),
    "demo": Command("the whole method on the embedded corpus, in minutes", f"{_COMMANDS}.demo:demo"),
}
USAGE = f"""usage: scoretap COMMAND [--config NAME_OR_FILE ...] [--KEY VALUE ...]

commands
{chr(10).join(f"  {name:<10} {does}" for name, (does, *_) in COMMANDS.items())}

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
    if command not in COMMANDS:
        *names, last = COMMANDS
        return _fail(f"unknown command {command!r}: expected {', '.join(names)} or {last}", 2)
    if "" not in sys.path:
        sys.path.append("")  # classes of one's own, in the folder one stands in, as `python -m` would find them
    try:
        _run(command, rest)
    except InputError as error:
        return _fail(str(error), 2)
    except NonFiniteError as error:
        return _fail(str(error), 1)
    return 0


def _run(name: str, args: list[str]) -> None:
    """Run a command; its module is imported here so that `--help` stays quick."""
    _, function, paths, nargs = COMMANDS[name]
    if not function:
        import_module("lightning_modules.command_line.trainer").run_trainer(name, args)
        return
    module, _, attribute = function.partition(":")
    run_function = import_module("lightning_modules.command_line.functions").run_function
    run_function(getattr(import_module(module), attribute), args, name, paths, nargs)


def _fail(sentence: str, status: int) -> int:
    print(f"scoretap: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(console())
