"""What the loaders of this package yield."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Clips of a corpus, already turned into features by a front end.

    Attributes:
        x_0: features, float32: ``(B, 1, F, L)`` log-Mels in [-1, 1], or waveforms ``(B, N)``.
        y: ``(B,)`` int64 digit id, 0 to 9; a digit keeps its id when a corpus is reduced to some labels.
        index: ``(B,)`` int64 position in the split, the same in every epoch and on every rank.
    """

    x_0: Tensor
    y: Tensor
    index: Tensor


class RequestBatch(NamedTuple):
    """Samples that a generator is asked to draw.

    Attributes:
        y: ``(B,)`` int64 digit id, 0 to 9, or -1 for a sample without a label.
        seed: ``(B,)`` int64 seed of each sample's noise.
        index: ``(B,)`` int64 position in the list of requests.
    """

    y: Tensor
    seed: Tensor
    index: Tensor


def keep_batch(batch: Batch | RequestBatch) -> Batch | RequestBatch:
    """Collate function for datasets whose ``__getitems__`` already returns a whole batch."""
    return batch
