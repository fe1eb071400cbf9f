"""Run a plain function as a command: its signature gives the flags, its docstring the help."""

from collections.abc import Callable

from docstring_parser import parse
from jsonargparse import ArgumentError, ArgumentParser

from lightning_modules.command_line.parser_errors import first_sentence
from lightning_modules.errors import InputError


def run_function(
    function: Callable[..., None], args: list[str], command: str, paths: str = "", nargs: str | None = "+"
) -> None:
    """Call ``function`` with the arguments that ``args`` spell.

    Args:
        function: what the command does.
        args: command line after the command.
        command: its name, for the help text.
        paths: name of the argument that is given without a flag; none by default.
        nargs: how many values that argument takes, as argparse counts; None for exactly one, which is no list.

    Raises:
        InputError: the arguments do not fit.
    """
    description = (function.__doc__ or "").partition("Args:")[0]
    parser = ArgumentParser(prog=f"scoretap {command}", description=description, exit_on_error=False)
    parser.add_argument("--config", action="config", help="File of settings, which later flags change.")
    if paths:
        described = {found.arg_name: found.description for found in parse(function.__doc__ or "").params}
        parser.add_argument(paths, nargs=nargs, type=str, help=described[paths])
    parser.add_function_arguments(function, skip={paths}, as_group=False)
    try:
        given = parser.parse_args(args).as_dict()
    except ArgumentError as error:
        raise InputError(first_sentence(error)) from error
    given.pop("config", None)
    function(**given)
