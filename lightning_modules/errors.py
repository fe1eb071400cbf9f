"""The errors that a user can mend, and that the command line prints as one sentence without a traceback."""


class InputError(ValueError):
    """Bad input found before any work starts: the message says what was expected, what came and what to do."""


class NonFiniteError(RuntimeError):
    """A run met a NaN or an infinity: the message names what held it, in training step, noise level and batch."""
