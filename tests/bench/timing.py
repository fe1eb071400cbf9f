"""Times of variants that are measured in turn, so that other programs slow all of them equally."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch


class Timing(NamedTuple):
    """Seconds of one variant, one value per round, or the reason why it did not run.

    Attributes:
        seconds: of every round, in order.
        failure: first line of the error; empty where it ran.
    """

    seconds: list[float]
    failure: str = ""

    @property
    def best(self) -> float | None:
        """Smallest number of seconds, as on a machine that does nothing else."""
        return min(self.seconds) if self.seconds else None


class Ratio(NamedTuple):
    """Quotient of two variants, round by round.

    Attributes:
        value: median over the rounds; None where one of them did not run.
        low: smallest of any round.
        high: largest.
        failure: why there is no value.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    failure: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"- ({self.failure})"
        if self.low == self.high:
            return f"{self.value:.3g}"
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def synchronize() -> None:
    """Wait until a GPU has done its work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds_of(function: Callable[[], Any]) -> float:
    """Seconds of one call, including the work of the device."""
    synchronize()
    start = time.perf_counter()
    function()
    synchronize()
    return time.perf_counter() - start


def interleave(variants: Mapping[Any, Callable[[], Any]], rounds: int, least_seconds: float = 0.0) -> dict[Any, Timing]:
    """Time every variant once per round, after one call that does not count.

    Args:
        variants: functions by name.
        rounds: how often.
        least_seconds: a variant is repeated within a round until it has run this long; its mean counts.
    """
    failures, repeats = {}, {}
    for name, function in variants.items():
        try:
            function()
            repeats[name] = max(1, min(1000, round(least_seconds / max(seconds_of(function), 1e-7))))
        except Exception as error:  # a variant that cannot run here is a result
            failures[name] = f"{type(error).__name__}: {(str(error).strip() or '-').splitlines()[0]}"[:160]
    seconds: dict[Any, list[float]] = {name: [] for name in variants}
    gc.collect()
    for _ in range(rounds):
        for name, count in repeats.items():
            function = variants[name]
            seconds[name].append(seconds_of(lambda f=function, n=count: [f() for _ in range(n)]) / count)
    return {name: Timing(seconds[name], failures.get(name, "")) for name in variants}


def ratio(over: Timing, under: Timing, scale: float = 1.0) -> Ratio:
    """Ratio of ``scale`` times the seconds of ``over`` to those of ``under``."""
    if failure := over.failure or under.failure:
        return Ratio(None, failure=failure)
    values = [scale * a / b for a, b in zip(over.seconds, under.seconds, strict=True)]
    return Ratio(statistics.median(values), min(values), max(values))


def joined(earlier: Timing | None, later: Timing) -> Timing:
    """Join the rounds of a variant that was measured several times."""
    return later if earlier is None else Timing(earlier.seconds + later.seconds, earlier.failure or later.failure)


def exactly(value: float) -> Ratio:
    """A ratio of counts, which has no spread."""
    return Ratio(value, value, value)
