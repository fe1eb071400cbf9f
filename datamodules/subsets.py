"""Choices of some clips of a corpus: those of some digits, or a stratified fraction."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datamodules.corpus_layout import DIGITS
from lightning_modules.errors import InputError


def check_labels(labels: Sequence[int] | None) -> list[int]:
    """The digits to keep, sorted; all ten for ``None``.

    Raises:
        InputError: a label is no digit or stands there twice, or the list is empty.
    """
    if labels is None:
        return list(range(len(DIGITS)))
    for label in labels:
        if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(DIGITS):
            raise InputError(f"expected digits 0 to 9 as labels, got {label!r}: correct labels")
    if not labels or len(set(labels)) != len(labels):
        raise InputError(f"expected different digits as labels, got {list(labels)}: name each digit to keep once")
    return sorted(labels)


def check_trained_labels(found: Sequence[int] | np.ndarray, labels: Sequence[int], root: Path) -> None:
    """Refuse a corpus without training clips of a digit that is to be trained: the model would claim to know it.

    Raises:
        InputError: names the ``labels`` that are not ``found`` in the corpus ``root``, and how to leave them out.
    """
    there = {int(label) for label in found}
    if missing := [label for label in labels if label not in there]:
        words = ", ".join(DIGITS[label] for label in missing)
        kept = [label for label in labels if label in there]
        if not kept:
            raise InputError(
                f"expected training clips of the digits {list(labels)} in {root}, found none: name fewer clips in the "
                "lists, look whether speaker_pattern finds several speakers, or change labels"
            )
        raise InputError(
            f"expected training clips of the digits {list(labels)} in {root}, found none of {missing}: add recordings "
            f"to {words}, or set labels to {kept} to train on the others"
        )


def select_labels(labels: np.ndarray, keep: Sequence[int]) -> np.ndarray:
    """Rows, ascending, whose label ``(n,)`` is one of ``keep``."""
    return np.flatnonzero(np.isin(labels, list(keep)))


def select_fraction(labels: np.ndarray, paths: Sequence[str], fraction: float, seed: int) -> np.ndarray:
    """Rows, ascending, of a stratified random part of a corpus, whose clips have ``labels`` ``(n,)`` and ``paths``.

    The clips of every class are ordered by a hash of seed and path, and the first ``fraction`` in (0, 1] is taken, at
    least one clip. So the parts are nested (the 3 % lie inside the 10 %), and the part of a class does not depend on
    which other classes there are.
    """
    ranks = np.array([hashlib.sha256(f"{seed}:{path}".encode()).hexdigest() for path in paths], dtype="U64")
    parts = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        parts.append(rows[np.argsort(ranks[rows])][: max(1, round(fraction * len(rows)))])
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)
