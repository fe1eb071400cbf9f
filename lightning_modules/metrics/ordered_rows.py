"""Metric states that keep every sample, in an order that depends on neither batches nor processes.

For the few measures that draw subsets or pairs of samples. Only the list of rows is a state, so that the functions here
work on any metric.
"""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


def hold_rows(metric: Metric, name: str) -> None:
    """Give ``metric`` an empty state ``name`` for :func:`append_rows`.

    The state is flat and float64, because that is what torchmetrics sends for a process that saw no sample; rows of a
    matrix would not fit to it.
    """
    metric.set_dtype(torch.float64)
    metric.add_state(name, [], dist_reduce_fx="cat")


def append_rows(metric: Metric, name: str, rows: Tensor, index: Tensor | None) -> None:
    """Keep ``rows`` ``(B, D)``, float64, with their places ``(B,)`` among all samples.

    Args:
        metric: owner of the state.
        name: of the state.
        rows: samples.
        index: places, such as positions in the dataset; None continues the count of this process, which is enough for
            one process.

    Raises:
        ValueError: there are not as many places as rows.
    """
    state: list[Tensor] = getattr(metric, name)
    if index is None:
        seen = sum(part.numel() for part in state) // (1 + rows.shape[1])
        index = torch.arange(seen, seen + len(rows))
    if index.shape != rows.shape[:1]:
        raise ValueError(f"expected an index of shape ({len(rows)},), got {tuple(index.shape)}")
    # As first column: float64 holds integers up to 2^53.
    state.append(torch.cat([index.to(rows)[:, None], rows], dim=1).flatten())


def ordered_rows(metric: Metric, name: str, width: int) -> Tensor:
    """All rows ``(N, width)`` by place.

    Raises:
        ValueError: two samples have the same place.
    """
    state: list[Tensor] | Tensor = getattr(metric, name)
    if len(state) == 0:
        return torch.zeros(0, width, dtype=torch.float64, device=metric.device)
    table = dim_zero_cat(state).view(-1, 1 + width)
    place, order = table[:, 0].sort()
    if bool((place.diff() == 0).any()):
        raise ValueError("expected every sample once, got two of one index: give `index` where several processes share")
    return table[order, 1:]
