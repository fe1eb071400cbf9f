"""Metric states that store samples in an order that depends on neither batches nor processes.

A few metrics need them, because they draw subsets or pairs of samples. The states are only a list of rows and their
number, so that these functions work on any metric.
"""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from lightning_modules.metrics.resampling import smallest_hashes


def hold_rows(metric: Metric, name: str) -> None:
    """Give ``metric`` an empty state ``name`` for :func:`append_rows`.

    The state is flat and float64, because torchmetrics sends such a tensor for a process that saw no sample; a matrix
    would not fit to it.
    """
    metric.set_dtype(torch.float64)
    metric.add_state(name, [], dist_reduce_fx="cat")
    metric.add_state(f"{name}_seen", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")


def labelled_rows(rows: Tensor, y: Tensor | None) -> Tensor:
    """``rows`` ``(B, D)`` with their classes ``(B,)`` as a last column; without classes all are of one.

    Raises:
        ValueError: there are not as many classes as rows.
    """
    y = torch.zeros(len(rows)) if y is None else y
    if y.shape != rows.shape[:1]:
        raise ValueError(f"expected classes of shape ({len(rows)},), got {tuple(y.shape)}")
    return torch.cat([rows, y.to(rows)[:, None]], dim=1)


def append_rows(metric: Metric, name: str, rows: Tensor, index: Tensor | None, limit: int | None = None) -> None:
    """Store ``rows`` ``(B, D)``, float64, with their places ``(B,)`` among all samples.

    Places are such as positions in the data set; None continues the count of this process, which is enough for one.
    If :func:`ordered_rows` will choose no more than ``limit`` samples, up to a quarter more are stored.

    Raises:
        ValueError: there are not as many places as rows.
    """
    state: list[Tensor] = getattr(metric, name)
    seen: Tensor = getattr(metric, f"{name}_seen")
    if index is None:
        index = torch.arange(int(seen), int(seen) + len(rows))
    if index.shape != rows.shape[:1]:
        raise ValueError(f"expected an index of shape ({len(rows)},), got {tuple(index.shape)}")
    # As first column: float64 holds integers up to 2^53.
    state.append(torch.cat([index.to(rows)[:, None], rows], dim=1).flatten())
    setattr(metric, f"{name}_seen", seen + len(rows))
    width = 1 + rows.shape[1]
    if limit is not None and sum(part.numel() for part in state) > width * (limit + limit // 4):
        table = torch.cat(state).view(-1, width)
        setattr(metric, name, [table[smallest_hashes(table[:, 0], limit)].flatten()])


def ordered_rows(metric: Metric, name: str, width: int, limit: int | None = None) -> Tensor:
    """Stored rows ``(N, width)`` in the order of their places; of more than ``limit``, those of the smallest hashes.

    Raises:
        ValueError: two samples have the same place.
    """
    state: list[Tensor] | Tensor = getattr(metric, name)
    if len(state) == 0:
        return torch.zeros(0, width, dtype=torch.float64, device=metric.device)
    table = dim_zero_cat(state).view(-1, 1 + width)
    if limit is not None:
        table = table[smallest_hashes(table[:, 0], limit)]
    place, order = table[:, 0].sort()
    if bool((place.diff() == 0).any()):
        raise ValueError("expected every sample once, got two of one index: give `index` where several processes share")
    return table[order, 1:]
