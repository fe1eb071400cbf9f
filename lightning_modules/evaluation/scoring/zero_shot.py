"""Digits that a generator never saw: reached by guidance alone, so reported apart."""

from collections.abc import Sequence

from lightning_modules.metrics import wilson_interval


def zero_shot_figures(confusion: list[list[int]] | None, seen: Sequence[int] | None) -> dict[str, float]:
    """Accuracy over seen and over unseen digits with 95 % intervals; nothing where no clip was to be an unseen digit.

    Args:
        confusion: counts of clips, rows intended and columns heard.
        seen: digits that the generative part was trained on; its classifier may know more. None if not known.
    """
    if confusion is None or seen is None:
        return {}
    figures: dict[str, float] = {}
    digits = range(len(confusion))
    unseen = [digit for digit in digits if digit not in seen]
    if not sum(sum(confusion[digit]) for digit in unseen):
        return {}
    for name, group in (("accuracy_seen", [digit for digit in digits if digit in seen]), ("accuracy_unseen", unseen)):
        count = sum(sum(confusion[digit]) for digit in group)
        if count:
            interval = wilson_interval(sum(confusion[digit][digit] for digit in group), count)
            figures |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return figures
