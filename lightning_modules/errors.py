"""Errors that a user can correct: the command line prints each as one sentence, without a traceback."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input found before any work starts: the message says what was expected, what came and what to do."""


class RunError(RuntimeError):
    """A run failed while it worked, for a reason that one sentence tells."""


class NonFiniteError(RunError):
    """A run met a NaN or an infinity: the message names the training step, the noise levels and the items."""


def closest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name nearest to ``name``; an empty string where none is near."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
