"""Commands that take several paths and then settings, such as `scoretap score FOLDER ... --evaluator CKPT`."""

from collections.abc import Callable

from jsonargparse import ArgumentError, ArgumentParser

from lightning_modules.errors import InputError
from lightning_modules.parser_errors import first_sentence


def run_on_paths(
    function: Callable[..., None], args: list[str], command: str, paths: str, what: str, nargs: str | None = "+"
) -> None:
    """Call ``function`` with arguments parsed by its signature and docstring, one without a flag: a list of paths.

    Args:
        function: what the command does.
        args: command line after the command.
        command: its name, for the help text.
        paths: name of the argument that takes the paths.
        what: what these are, for the help text.
        nargs: how many there are, as argparse counts; None for exactly one, which is no list.

    Raises:
        InputError: the arguments do not fit.
    """
    description = (function.__doc__ or "").partition("Args:")[0]
    parser = ArgumentParser(prog=f"scoretap {command}", description=description, exit_on_error=False)
    parser.add_argument(paths, nargs=nargs, type=str, help=what)
    parser.add_function_arguments(function, skip={paths}, as_group=False)
    try:
        given = parser.parse_args(args)
    except ArgumentError as error:
        raise InputError(first_sentence(error)) from error
    function(**given.as_dict())
