"""How training data of the generative part is called."""

from collections.abc import Sequence

from datamodules.corpus_layout import DIGITS


def data_name(digits: Sequence[int], fraction: float) -> str:
    """``all data``, ``3 % of the data``, ``digits 3, 5, 7`` or ``10 % of digit 4``."""
    several = f"digit{'s' if len(digits) > 1 else ''} {', '.join(map(str, digits))}"
    kept = "" if len(digits) == len(DIGITS) else several
    if fraction >= 1.0:
        return kept or "all data"
    return f"{100 * fraction:g} % of {kept or 'the data'}"
