"""`scoretap clean` shows what scoretap keeps in its cache, and removes what has not been used for long."""

import re
import time
from pathlib import Path

from datamodules.feature_cache import default_cache_dir
from lightning_modules.command_line.cache_places import PLACES, Kept, find_kept, remove_kept
from lightning_modules.errors import InputError
from lightning_modules.leavings import sweep

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}  # seconds


def clean(cache_dir: str | None = None, older_than: str | None = None, yes: bool = False) -> None:
    """Show what the cache keeps, what it is for, its size and its age; remove what is old on request.

    All in the cache is made or fetched again when it is needed. Nothing but what scoretap has put there is counted or
    removed, and nothing that a running command is making.

    Args:
        cache_dir: folder to look at; by default the user's cache of scoretap.
        older_than: time without use, such as 30d, 12h or 0d for all, after which something is listed for removal.
        yes: whether to remove what --older_than lists.

    Raises:
        InputError: there is no such folder, or a setting cannot be read.
    """
    if yes and older_than is None:
        raise InputError("expected --older_than beside --yes, such as 30d, or 0d for all: add it")
    age = None if older_than is None else _seconds(older_than)
    folder = default_cache_dir() if cache_dir is None else Path(cache_dir).expanduser()
    if not folder.is_dir():
        if cache_dir is not None:
            raise InputError(f"expected a folder at {cache_dir!r}, found none: correct --cache_dir")
        print(f"nothing is kept: {folder} does not exist")
        return
    kept = find_kept(folder)
    print(_table(folder, kept))
    if age is None:
        print("--older_than 30d lists what has not been used for thirty days; --yes true removes it")
        return
    old = [each for each in kept if time.time() - each.used >= age]
    size, count = _size(sum(each.size for each in old)), f"{len(old)} of {len(kept)}"
    if not yes:
        print(f"{count} have not been used for {older_than}, {size}: --yes true removes them")
        return
    for place in PLACES:
        sweep(folder / place.folder)
    removed = remove_kept(old)
    print(f"removed {removed} of {len(kept)}, {size}")


def _table(folder: Path, kept: list[Kept]) -> str:
    lines = [f"{folder}", f"{'':<14}{'number':>8}{'size':>10}{'last used':>14}  what it is for"]
    for place in PLACES:
        own = [each for each in kept if each.place is place]
        used = f"{_age(time.time() - max(each.used for each in own))} ago" if own else "-"
        lines.append(f"{place.name:<14}{len(own):>8}{_size(sum(each.size for each in own)):>10}{used:>14}  {place.use}")
    return "\n".join(lines)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", text, re.ASCII)
    if match is None:
        raise InputError(f"expected --older_than as a number of m, h, d or w, such as 30d, got {text!r}: correct it")
    return int(match[1]) * _UNITS[match[2]]


def _age(seconds: float) -> str:
    for name in ("d", "h", "m"):
        if seconds >= _UNITS[name]:
            return f"{seconds / _UNITS[name]:.0f} {name}"
    return "0 m"


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
