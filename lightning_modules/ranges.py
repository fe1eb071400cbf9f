"""Ranges of settings: a number outside its range, or a text that is no plain number, is refused in one sentence."""

import math
import re
from functools import cache
from numbers import Real
from typing import Any, NamedTuple

from lightning_modules.errors import InputError

# Intervals that many settings share. A bound from above keeps a slip of the finger from running for ever.
COUNT, SIZE, LAYERS = "[1, 10000000]", "[1, 65536]", "[1, 1000]"
ABOVE_ZERO, AT_LEAST_ZERO, FINITE = "(0, inf)", "[0, inf)", "(-inf, inf)"
SHARE, BELOW_ONE, INSIDE_ONE = "[0, 1]", "[0, 1)", "(0, 1)"
BATCH = "[1, 1000000]"  # clips at once
STEPS = "[1, 100000]"  # of a sampler, and times that work is repeated
SEED, GLOBAL_SEED = "[0, 9223372036854775807]", "[0, 4294967295]"  # int64; what NumPy takes

_INTERVAL = re.compile(r"([\[(])([^,]+), ([^,]+)([\])])")
_WHOLE = re.compile(r"\d+", re.ASCII)


_LARGEST = 3.4e38  # of float32, in which numbers are computed with: what lies beyond is as good as infinite


class Interval(NamedTuple):
    """An interval of numbers; each end belongs to it or not. One without an end holds what float32 can hold."""

    low: float
    high: float
    with_low: bool
    with_high: bool

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, Real) or not -_LARGEST < value < _LARGEST:
            return False
        above = value >= self.low if self.with_low else value > self.low
        return bool(above and (value <= self.high if self.with_high else value < self.high))

    def __str__(self) -> str:
        low = f"{'at least' if self.with_low else 'above'} {_written(self.low)}"
        if math.isinf(self.high):
            return "finite" if math.isinf(self.low) else f"{low} and finite"
        return f"{low} and {'at most' if self.with_high else 'below'} {_written(self.high)}"


def check_ranges(owner: str = "", **settings: tuple[Any, str]) -> None:
    """Refuse settings out of their ranges.

    A list must hold something, and each of its numbers is checked. None is a setting that nobody gave. NaN is in no
    range.

    Args:
        owner: what the settings belong to, for the sentence; empty where their names say it.
        settings: value and interval of each by its name: ``batch_size=(batch_size, "[1, 65536]")``. A round bracket
            leaves its end out; an end at infinity must be left out.

    Raises:
        InputError: names the first setting that is out of range, what was expected and what came.
    """
    place = f" of {owner}" if owner else ""
    for name, (value, text) in settings.items():
        interval = read_interval(text)
        if value is None:
            continue
        if isinstance(value, str | bool) or not isinstance(value, Real | list | tuple):
            raise InputError(f"{name}{place} must be a number, {interval}, got {value!r}: correct {name}")
        numbers = value if isinstance(value, list | tuple) else [value]
        if not numbers:
            raise InputError(f"{name}{place} must hold at least one number, {interval}, got an empty list: give one")
        for number in numbers:
            if isinstance(number, bool) or number not in interval:
                raise InputError(f"{name}{place} must be {interval}, got {number}: correct {name}")


def parse_whole(text: str) -> int:
    """Read a whole number of at least 0 as scoretap writes it: digits 0 to 9 and nothing else.

    ``int`` would take ``1_0`` for 10, and digits of other scripts too.

    Raises:
        ValueError: ``text`` is something else.
    """
    if not _WHOLE.fullmatch(text) or len(text) > 30:
        raise ValueError(f"expected a whole number, got {text[:40]!r}")
    return int(text)


def parse_number(text: str) -> float:
    """Read a finite number in ASCII, without the underscores that ``float`` would pass over.

    Raises:
        ValueError: ``text`` is something else.
    """
    if "_" in text or not text.isascii() or not math.isfinite(value := float(text)):
        raise ValueError(f"expected a finite number, got {text[:40]!r}")
    return value


@cache
def read_interval(text: str) -> Interval:
    """Read an interval as mathematics writes it, such as ``(0, 1]``."""
    match = _INTERVAL.fullmatch(text)
    assert match is not None, text
    low, high = (float(end) if "inf" in end or "." in end else int(end) for end in match.groups()[1:3])
    return Interval(low, high, match[1] == "[", match[4] == "]")


def _written(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) and bound < 10**9 else f"{bound}"
