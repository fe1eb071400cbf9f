"""One split of a corpus as a dataset of features."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from datamodules.batch import Batch
from datamodules.feature_cache import CachedFeatures


class CorpusSplit(Dataset):
    """Clips of one split: features on a memory map, labels and paths in memory. Reads no audio.

    Args:
        cached: features of the whole split.
        rows: ``(n,)`` rows of it that belong to this dataset.

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

    def features(self, index: int | Sequence[int] | slice) -> torch.Tensor:
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
        """A whole batch in one read of the memory map."""
        index = np.asarray(indices, dtype=np.int64)
        return Batch(self.features(index), torch.from_numpy(self.labels[index]), torch.from_numpy(index))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_features": None}  # a worker opens its own map instead of receiving a copy
