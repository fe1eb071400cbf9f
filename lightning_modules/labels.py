"""The digit that a clip is meant to be, as a number inside the program and as text in tables and file names."""

from lightning_modules.errors import InputError

NO_LABEL = -1  # of a clip that no digit was asked of


def format_label(label: int) -> str:
    """A label as the cell of a table: the digit, or an empty cell for :data:`NO_LABEL`."""
    return "" if label == NO_LABEL else str(label)


def parse_label(text: str, place: str = "a table") -> int:
    """The label that ``text`` stands for: a digit 0 to 9; an empty cell and ``any`` are :data:`NO_LABEL`.

    Raises:
        InputError: ``text``, a cell or a part of a file name, is something else; names its ``place``.
    """
    digit = text.strip()
    if digit in ("", "any"):
        return NO_LABEL
    if len(digit) != 1 or digit not in "0123456789":
        raise InputError(f"expected a digit 0 to 9 or nothing as label in {place}, got {text!r}: correct the table")
    return int(digit)
