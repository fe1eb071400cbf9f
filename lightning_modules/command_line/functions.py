"""Running a plain function as a command: its signature gives the flags, its docstring the help."""

import inspect
from collections.abc import Callable
from pathlib import Path

from docstring_parser import parse
from jsonargparse import ArgumentParser

from lightning_modules.command_line.arguments import flag_pairs
from lightning_modules.command_line.parser_errors import PARSING, first_sentence
from lightning_modules.command_line.settings_check import check_texts
from lightning_modules.command_line.yaml_limits import check_value, read_yaml
from lightning_modules.errors import InputError


def run_function(function: Callable[..., None], args: list[str], command: str, positional: str = "") -> None:
    """Call ``function`` with the arguments that ``args`` spell.

    Args:
        function: what the command does.
        args: command line after the command.
        command: its name, for the help text.
        positional: name of the argument that is given without a flag; none by default. It takes one value or more
            where it is a list, one value or none where it has a default, and else exactly one.

    Raises:
        InputError: the arguments do not fit.
    """
    documentation = function.__doc__ or ""
    description = documentation.partition("Args:")[0]
    parser = ArgumentParser(prog=f"scoretap {command}", description=description, exit_on_error=False)
    parser.add_argument("--config", action="config", help="File of settings, which later flags change.")
    if positional:
        parameter = inspect.signature(function).parameters[positional]
        optional = None if parameter.default is parameter.empty else "?"
        nargs = "+" if parameter.annotation == list[str] else optional
        descriptions = {argument.arg_name: argument.description for argument in parse(documentation).params}
        parser.add_argument(positional, nargs=nargs, type=str, help=descriptions[positional])
    parser.add_function_arguments(function, skip={positional}, as_group=False)
    for flag, value in flag_pairs(args):
        if flag == "--config" and value is not None and Path(value).is_file():
            read_yaml(Path(value))
        elif value is not None:
            check_value(flag, value)
    try:
        settings = parser.parse_args(args).as_dict()
    except PARSING as error:
        raise InputError(first_sentence(error)) from error
    settings.pop("config", None)
    check_texts(settings)
    function(**settings)
