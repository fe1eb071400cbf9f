"""Turning the nested report of a parser's error into one sentence."""

import importlib
import re
import traceback
from collections.abc import Iterable
from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser

from lightning_modules.errors import closest

# What a parser raises at values that are not what its types expect: most of it wrapped, some of it not.
PARSING = (ArgumentError, ValueError, TypeError, AttributeError, KeyError, RecursionError, OverflowError)

# Lines that repeat the types that were tried or the values that came.
_NOISE = re.compile(
    r"Does not validate|Subtypes:|Errors:|Given value|Expected a <class 'NoneType'>|Expected a path but"
    r"|Not a valid subclass|Subclass types expect|a class path \(|a dict with"
)


def first_sentence(error: Exception, known: Iterable[str] = ()) -> str:
    """Find the innermost cause in a parser's error: what was expected, where, and what came.

    Args:
        error: of jsonargparse, or of a constructor that it called.
        known: flags that exist, for a hint at the nearest one.
    """
    keys: list[str] = []
    owner = cause = ""
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip(" -")]
    for line in lines:
        if cause:
            break
        if match := re.match(r'Parser key "(.+)":', line):
            keys.append(match[1])
        elif match := re.match(r"Problem with given class_path '(.+)':", line):
            owner = match[1]
        elif not _NOISE.match(line):
            cause = line
    value = next((line.partition(": ")[2] for line in lines if line.startswith("Given value: ")), "")
    if not cause and keys:  # all that was tried is noise
        return f"{'.'.join(keys)} cannot be {value or 'this'}: see --help for what it takes"
    return _reword(cause or type(error).__name__, ".".join(keys), owner, value, known)


def raised_by_lightning(error: BaseException) -> bool:
    """Whether Lightning itself raised ``error``: it says what of the settings it cannot follow."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "lightning" in Path(frames[-1].filename).parts


def _reword(cause: str, key: str, owner: str, value: str, known: Iterable[str]) -> str:
    if match := re.match(r"Option '(.+)' is not accepted", cause):
        return f"{owner} has no setting {match[1]!r}" + (closest(match[1], _settings(owner)) or ": see its --help")
    if match := re.match(r"Subcommand '(\w+)' does not accept option '(.+)'", cause):
        return f"{match[1]} has no setting {match[2]!r}" + (closest(f"--{match[2]}", known) or ": see --help")
    if match := re.match(r"[Uu]nrecognized arguments: (.+)", cause):
        return f"unknown setting {match[1]!r}" + (closest(match[1].split("=")[0].split()[0], known) or ": see --help")
    if match := re.match(r"Expected a dot import path string: (.+)", cause):
        return (
            f"no class {match[1]!r} for {key}: expected the name of one that exists, or your own package.module.Class"
        )
    if match := re.match(r"the following arguments are required: (.+)", cause):
        return f"{match[1]} must be given: see --help"
    if match := re.match(r"Expected a <class '(\w+)'>(?:\. Got value: (.+))?", cause):
        return f"{key} must be {match[1]}, got {match[2] or value}"
    if match := re.match(r"Expected a typing\.Literal\[(.+)\](?:\. Got value: (.+))?", cause):
        return f"{key} must be one of {match[1]}, got {match[2] or value}"
    return cause


def _settings(class_path: str) -> list[str]:
    """Names of the arguments of a class, also of those that it hands on to another."""
    module, _, name = class_path.rpartition(".")
    return ArgumentParser().add_class_arguments(getattr(importlib.import_module(module), name))
