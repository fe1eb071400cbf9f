"""Data sets that hand out whole batches: the clips of a corpus, and samples that a generator is asked to draw."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.feature_cache import CachedFeatures


class Batch(NamedTuple):
    """A batch of clips of a corpus, as features."""

    x_0: Tensor  # float32: (B, 1, F, L) log-Mels in [-1, 1], or waveforms (B, N)
    y: Tensor  # (B,) int64 digit id, 0 to 9; a digit keeps its id when a corpus is reduced to some labels
    index: Tensor  # (B,) int64 position in the split, the same in every epoch and on every rank


class RequestBatch(NamedTuple):
    """A batch of samples that a generator is asked to draw."""

    y: Tensor  # (B,) int64 digit id, 0 to 9, or NO_LABEL
    seed: Tensor  # (B,) int64 seed of each sample's noise
    index: Tensor  # (B,) int64 position in the list of requests


class CorpusSplit(Dataset):
    """Clips of one split of a corpus: their features lie in a memory map, their labels and paths in memory.

    Of the features of the whole split, ``cached``, it takes ``rows`` ``(n,)``.

    Attributes:
        labels: ``(n,)`` int64 digit id of every clip.
        paths: relative path of every clip.
    """

    def __init__(self, cached: CachedFeatures, rows: np.ndarray) -> None:
        self.labels = cached.labels[rows]
        self.paths = [cached.paths[row] for row in rows]
        self._file, self._rows = cached.file, rows
        self._features: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def features(self, index: int | Sequence[int] | slice) -> Tensor:
        """Features, float32: ``(1, F, L)`` or ``(N,)`` of one clip, with a leading axis for several; a copy.

        Raises:
            IndexError: a position lies outside the split.
        """
        rows = self._rows[index]
        if self._features is None:
            if self._file is None:
                raise IndexError("this split has no clips")
            self._features = np.load(self._file, mmap_mode="r", allow_pickle=False)
        return torch.from_numpy(np.array(self._features[rows]))

    def __getitem__(self, index: int) -> Batch:
        """One clip as a batch without its leading axis."""
        return Batch(self.features(index), torch.tensor(int(self.labels[index])), torch.tensor(int(index)))

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """A whole batch, read from the memory map at once."""
        index = np.asarray(indices, dtype=np.int64)
        return Batch(self.features(index), torch.from_numpy(self.labels[index]), torch.from_numpy(index))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_features": None}  # a worker opens its own map instead of receiving a copy


class RequestList(Dataset):
    """A list of samples to draw: for each a label, or :data:`NO_LABEL`, and the seed of its noise."""

    def __init__(self, labels: Sequence[int], seeds: Sequence[int]) -> None:
        self.y = torch.tensor(list(labels), dtype=torch.int64)
        self.seed = torch.tensor(list(seeds), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> RequestBatch:
        return RequestBatch(self.y[index], self.seed[index], torch.tensor(int(index)))

    def __getitems__(self, indices: Sequence[int]) -> RequestBatch:
        index = torch.tensor(list(indices), dtype=torch.int64)
        return RequestBatch(self.y[index], self.seed[index], index)
