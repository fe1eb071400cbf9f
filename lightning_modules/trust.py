"""Which packages a file may name: checkpoints and model descriptions are data, and importing a class runs its code."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning_modules.errors import InputError

VARIABLE = "SCORETAP_TRUST"
FLAG = "--trust"
KNOWN = {
    "lightning_modules", "datamodules", "callbacks",
    "torch", "torchvision", "torchaudio", "torchmetrics", "lightning",
}  # fmt: skip
_CLASS_KEYS = ("class_path", "_class_path")
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")  # package.module.Class
_TEXTS = {"taps", "modulated", "root", "cache_dir", "_instantiator"}  # never a class, though some look like one
_LONGEST = 2**20  # characters of a text that may be settings


def take_flag(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take ``--trust PACKAGE`` out of a command line, wherever and however often it stands.

    Returns:
        The other arguments, and the packages.

    Raises:
        InputError: a name is missing or is none of a package.
    """
    rest: list[str] = []
    packages: list[str] = []
    words = iter(args)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag != FLAG:
            rest.append(word)
            continue
        packages += _split(value if equals else next(words, ""), FLAG) or [_refuse("", FLAG)]
    return rest, packages


@contextmanager
def trusting(packages: Sequence[str]) -> Iterator[None]:
    """Trust ``packages`` too, in this process and those that it starts, until the end of the block."""
    before = os.environ.get(VARIABLE)
    if packages:
        os.environ[VARIABLE] = ",".join([*_split(before or "", VARIABLE), *packages])
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def check_trust(settings: Any, source: str = "the checkpoint") -> None:
    """Refuse stored settings that would import code of a package that nobody trusts; nothing is imported here.

    They are nested plain values, in which ``class_path`` names classes; the error calls what holds them ``source``.

    Raises:
        InputError: names the class, and how to trust its package.
    """
    trusted = set(_split(os.environ.get(VARIABLE, ""), VARIABLE))
    for path, value in _leaves(settings):
        key = str(path).rpartition(".")[2]
        if key in _CLASS_KEYS:
            if not isinstance(value, str):
                raise InputError(f"{source} has a {key} that is no text: use another copy")
            _check_name(value, trusted, source)
        elif isinstance(value, str) and key not in _TEXTS:
            _check_text(value, trusted, source)


def _check_name(name: str, trusted: set[str], source: str) -> None:
    package = name.partition(".")[0]
    if "." not in name or package in trusted:  # a bare name means a class that is imported already
        return
    if package in KNOWN and not _lies_in_current_folder(package):
        return
    raise InputError(
        f"{source} names the class {name!r}, and importing it would run code of {package!r}, which is not scoretap's: "
        f"if you trust that package, add {FLAG} {package} or set {VARIABLE}={package}"
    )


def _check_text(text: str, trusted: set[str], source: str) -> None:
    """Check a text that the parser would take for a class, for settings, or for a file of settings."""
    value = _parse(text)
    if isinstance(value, str) and _NAME.fullmatch(value) and _can_be_imported(value.partition(".")[0]):
        _check_name(value, trusted, source)
    elif isinstance(value, str):
        content = _parse(_file_content(value))
        if isinstance(content, dict | list):
            check_trust(content, f"{value!r}, which {source} names,")
    elif isinstance(value, dict | list):
        check_trust(value, source)


def _parse(text: str) -> Any:
    """Read ``text`` as YAML, as the parser does with any text where a class is expected."""
    import yaml

    try:
        return yaml.safe_load(text[:_LONGEST])
    except (yaml.YAMLError, ValueError, RecursionError):
        return text.strip()


def _file_content(name: str) -> str:
    try:
        with open(name, encoding="utf-8") as file:
            return file.read(_LONGEST)
    except (OSError, ValueError):  # no file, or no text
        return ""


def _can_be_imported(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return True


def _lies_in_current_folder(package: str) -> bool:
    """Whether a package that is not installed is found where the command was started, under a known name."""
    spec = None if package in ("lightning_modules", "datamodules", "callbacks") else find_spec(package)
    if spec is None or spec.origin is None:
        return spec is not None
    here, origin = Path.cwd().resolve(), Path(spec.origin).resolve()
    return origin.parent == here or origin.parent.parent == here


def _leaves(settings: Any) -> Iterator[tuple[Any, Any]]:
    """Keys and values of nested dictionaries and lists, without recursion; those of a list have the list's key."""
    waiting: list[tuple[Any, Any]] = [("", settings)]
    seen: set[int] = set()
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict | list | tuple):
            if id(value) not in seen:
                seen.add(id(value))
                waiting += value.items() if isinstance(value, dict) else [(key, item) for item in value]
            if key in _CLASS_KEYS:
                yield key, value
        else:
            yield key, value


def _split(names: str, where: str) -> list[str]:
    found = [name.strip() for name in names.split(",") if name.strip()]
    return [name if name.isidentifier() else _refuse(name, where) for name in found]


def _refuse(name: str, where: str) -> str:
    raise InputError(f"expected names of packages after {where}, such as my_package, got {name!r}")
