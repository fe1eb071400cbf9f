"""Bounds on YAML before anything reads it: its size, its depth, and what its aliases expand to."""

from contextlib import suppress
from pathlib import Path

import yaml

from lightning_modules.errors import InputError

LARGEST_FILE = 1 << 18  # bytes; all of configs/ together has less
MOST_VALUES = 100_000  # after aliases are written out
DEEPEST = 50


def read_yaml(path: Path) -> object:
    """Read a config file, whatever was put into it.

    Raises:
        InputError: it is no YAML, too large or too deep, or names one key twice.
    """
    source = f"config {str(path)!r}"
    with open(path, "rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise InputError(f"{source} has more than {LARGEST_FILE:,} bytes: expected a file of settings")
    try:
        text = content.decode("utf-8-sig")
        check_yaml(text, source)
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot read {source}: {' '.join(str(error).split())}") from error


def check_yaml(text: str, source: str) -> None:
    """Refuse YAML that would take long, or no end of memory, to read.

    Raises:
        InputError: it is too large or too deep, refers to itself, or names one key twice.
        yaml.YAMLError: it is no YAML.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError as error:
        raise InputError(f"{source} is nested too deeply: expected at most {DEEPEST} levels") from error
    if root is not None:
        _count_values(root, source, {}, ())


def check_value(flag: str, value: str) -> None:
    """Refuse a flag's value, or the config file that it names, that would take long to read.

    Raises:
        InputError: as :func:`read_yaml`.
    """
    if value.endswith((".yaml", ".yml", ".json")) and Path(value).is_file():
        read_yaml(Path(value))
    elif any(sign in value for sign in "[{&*"):
        with suppress(yaml.YAMLError):  # it may be a text and no YAML
            check_yaml(value, flag)


def _count_values(node: yaml.Node, source: str, known: dict[int, int], above: tuple[int, ...]) -> int:
    """Count the values of ``node`` with its aliases written out; each node is entered once."""
    if id(node) in above:
        raise InputError(f"{source} holds an alias of what it stands in, in {_place(node)}: write it out")
    if len(above) >= DEEPEST:
        raise InputError(f"{source} is nested too deeply in {_place(node)}: expected at most {DEEPEST} levels")
    if id(node) in known:
        return known[id(node)]
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _check_keys(node, source)
        parts = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        parts = node.value
    known[id(node)] = 1 + sum(_count_values(part, source, known, (*above, id(node))) for part in parts)
    if known[id(node)] > MOST_VALUES:
        raise InputError(f"{source} holds more than {MOST_VALUES:,} values once its aliases are written out")
    return known[id(node)]


def _check_keys(node: yaml.MappingNode, source: str) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{source} has a list or mapping as a key, in {_place(key)}: expected a name")
        if key.value in seen and key.value != "<<":
            raise InputError(f"{source} names {key.value!r} twice, in {_place(key)}: keep one of them")
        seen.add(key.value)


def _place(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
