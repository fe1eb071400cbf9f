"""The one entry point: `scoretap fit|validate|test|predict` and the commands that are no Trainer methods."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

from lightning_modules.allocator import keep_freed_memory
from lightning_modules.errors import InputError, NonFiniteError

# Name, the function behind it (none: a Trainer method), and what it does.
COMMANDS = {
    "fit": ("", "train a classifier, an evaluator, a Score Subnet, a U-Net or a vocoder"),
    "validate": ("", "loss (and accuracy) on validation clips"),
    "test": ("", "the same on test clips; with --scoring.evaluator, the row of a generator"),
    "predict": ("", "draw samples from a checkpoint: scoretap predict --ckpt_path X"),
    "score": ("lightning_modules.scoring:score_command", "judge folders of WAVs with a separately trained evaluator"),
    "table": ("lightning_modules.tables:table_command", "collect scores of runs: Markdown, CSV and a plot"),
    "plot": ("lightning_modules.tables:plot_command", "metrics of runs against a setting; which equal a reference"),
    "report": ("lightning_modules.report:report_command", "a page on which samples of runs are heard side by side"),
    "vocoders": ("lightning_modules.vocoder_comparison:vocoders_command", "vocoders side by side, on real test clips"),
    "listen": ("lightning_modules.pretrained.listen:listen_command", "digits from a model that is shipped, in seconds"),
    "models": (
        "lightning_modules.pretrained.command:models_command",
        "models with names; scoretap models NAME is a card",
    ),
    "export": (
        "lightning_modules.pretrained.command:export_command",
        "a model with a name, from a training's checkpoint",
    ),
    "demo": ("lightning_modules.demo:run_demo", "the whole method on the embedded corpus, in minutes"),
}
USAGE = f"""usage: scoretap COMMAND [--config NAME_OR_FILE ...] [--KEY VALUE ...]

commands
{chr(10).join(f"  {name:<10} {does}" for name, (_, does) in COMMANDS.items())}

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
        _command(command)(rest)
    except InputError as error:
        return _fail(str(error), 2)
    except NonFiniteError as error:
        return _fail(str(error), 1)
    return 0


def _command(name: str) -> Callable[[list[str]], None]:
    """The function behind a command; imported here so that `--help` stays quick."""
    module, _, function = COMMANDS[name][0].partition(":")
    if not module:
        return partial(import_module("lightning_modules.trainer_cli").run_trainer, name)
    return getattr(import_module(module), function)


def _fail(sentence: str, status: int) -> int:
    print(f"scoretap: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(console())
