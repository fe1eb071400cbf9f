"""What a case is."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """One trial.

    Attributes:
        name: says what is tried; the same seed gives the same name the same trial.
        check: tries it in a folder of its own, and raises an AssertionError that says what went wrong.
        plan: the plan whose uninterrupted run it is compared with, made before; empty for none.
    """

    name: str
    check: Callable[[Path], None]
    plan: str = ""
