"""Data loaders for one process or several."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from datamodules.datasets import Batch, RequestBatch
from lightning_modules.errors import InputError


class ResumableLoader(DataLoader):
    """A loader that can go on in the middle of an epoch.

    The sampler gives the order when the first batch is asked for: by then Lightning has set the epoch.
    """

    _left_out: tuple[int, int] | None = None

    def leave_out(self, epoch: int, batches: int) -> None:
        """Leave out the first ``batches`` of the next pass, if that is one of ``epoch``."""
        self._left_out = (epoch, batches)

    @property
    def epoch(self) -> int:
        """The epoch of the sampler's order."""
        return getattr(self.sampler, "epoch", 0)

    def __iter__(self) -> Iterator[Any]:
        (epoch, batches), self._left_out = self._left_out or (0, 0), None
        yield from islice(super().__iter__(), batches if epoch == self.epoch else 0, None)


def world() -> tuple[int, int]:
    """Rank of this process and number of processes; 0 and 1 outside ``torch.distributed``."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def shuffled_loader(dataset: Dataset, batch_size: int, num_workers: int, seed: int) -> ResumableLoader:
    """Loader for training: batches of ``batch_size`` per process, in an order that depends on seed and epoch only.

    The order of an epoch is drawn from ``seed + epoch``, so a resumed run continues it. The batches of several
    processes make up the batch that one process would see. The last, incomplete batch is left out unless it is the
    only one.
    """
    rank, size = world()
    sampler = DistributedSampler(dataset, num_replicas=size, rank=rank, shuffle=True, seed=seed)
    drop_last = len(sampler) >= batch_size
    return _loader(dataset, batch_size, num_workers, sampler, drop_last)


def ordered_loader(dataset: Dataset, batch_size: int, num_workers: int, what: str) -> ResumableLoader:
    """Loader for evaluation and prediction: every item exactly once over all processes, in order.

    ``batch_size`` counts items per process; the ``__getitems__`` of the data set returns a batch.

    Raises:
        InputError: there are fewer items than processes; it calls them ``what``.
    """
    rank, size = world()
    if size == 1:
        return _loader(dataset, batch_size, num_workers)
    if 0 < len(dataset) < size:
        raise InputError(
            f"expected at least one of the {what} for each of {size} processes, got {len(dataset)}: use fewer devices"
        )
    sampler = UnrepeatedDistributedSampler(dataset, num_replicas=size, rank=rank, shuffle=False)
    return _loader(dataset, aligned_batch_size(len(dataset), size, batch_size), num_workers, sampler)


def aligned_batch_size(num_items: int, num_processes: int, batch_size: int) -> int:
    """Batch size nearest to ``batch_size`` that gives every process the same number of batches.

    If ``num_items`` cannot be divided, shares differ by one item. If that item needed a batch of its own, its process
    would wait for ever in a collective operation that the others never enter.
    """
    small, rest = divmod(num_items, num_processes)
    if rest == 0 or small == 0:
        return batch_size
    fitting = (
        size
        for step in range(small + 2)
        for size in (batch_size - step, batch_size + step)
        if size > 0 and small % size
    )
    return next(fitting)


def _loader(
    dataset: Dataset,
    batch_size: int,
    num_workers: int,
    sampler: DistributedSampler | None = None,
    drop_last: bool = False,
) -> ResumableLoader:
    return ResumableLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        collate_fn=_whole_batch,
        drop_last=drop_last,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=num_workers > 0,
    )


def _whole_batch(batch: Batch | RequestBatch) -> Batch | RequestBatch:
    """What ``__getitems__`` of a data set returns is a batch already: there is nothing to collate."""
    return batch
