"""Names of taps: patterns that stand for several submodules, and hints for misspelt names."""

import difflib
from collections.abc import Sequence


def expand(pattern: str, known: Sequence[str]) -> list[str]:
    """Names of the submodules that ``pattern`` stands for, in the order of ``known``; empty if there is none.

    Between two dots, ``*`` stands for any part and a negative number counts list entries from the end, as in Python:
    ``stages.-1.*`` names every block of the deepest stage, however many stages there are.
    """
    names = [""]
    for part in pattern.split("."):
        names = [f"{parent}.{child}".lstrip(".") for parent in names for child in _children(part, parent, known)]
    return names


def _children(part: str, parent: str, known: Sequence[str]) -> list[str]:
    prefix = f"{parent}." if parent else ""
    children = [
        name[len(prefix) :] for name in known if name.startswith(prefix) and name and "." not in name[len(prefix) :]
    ]
    if part == "*":
        return children
    if part.startswith("-") and part[1:].isdigit():
        entries = [child for child in children if child.isdigit()]
        return entries[int(part) :][:1] if len(entries) >= int(part[1:]) > 0 else []
    return [part] if part in children else []


def nearest(name: str, known: Sequence[str], count: int = 12) -> str:
    """At most ``count`` of the ``known`` names, those most like ``name`` first, and how many more there are."""
    close = difflib.get_close_matches(name, known, n=count, cutoff=0.0)
    if len(known) <= count:
        return f"choose one of the classifier's submodules {', '.join(known)}"
    return (
        f"choose one of the classifier's submodules, nearest are {', '.join(close)}; "
        f"its named_modules() gives {len(known) - len(close)} more"
    )
