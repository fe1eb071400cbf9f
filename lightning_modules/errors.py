"""The errors that a user can mend, and that the command line prints as one sentence without a traceback."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input found before any work starts: the message says what was expected, what came and what to do."""


class NonFiniteError(RuntimeError):
    """A run met a NaN or an infinity: the message names what held it, in training step, noise level and batch."""


def closest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name nearest to ``name``, or an empty string."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
