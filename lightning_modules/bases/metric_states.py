"""Averages over an epoch that is not over yet: a checkpoint keeps them, so that a resumed epoch has the same ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

States = dict[str, dict[str, Tensor]]


def gathered_states(module: nn.Module, strategy: Any) -> States:
    """Collect what the metrics of ``module`` have seen so far; call it on all processes.

    Args:
        module: holds the metrics.
        strategy: Lightning's, of the Trainer.

    Returns:
        By metric and state, ``(R, ...)`` values of all R processes, on the CPU. Metrics that have seen nothing, or that
        keep lists, are left out.
    """
    found: States = {}
    for name, metric in _metrics(module):
        if metric._update_count:
            values = {key: torch.stack([getattr(metric, key)]) for key in metric._defaults}
            if strategy.world_size > 1:
                values = {key: strategy.all_gather(value[0]) for key, value in values.items()}
            found[name] = {key: value.detach().cpu() for key, value in values.items()}
    return found


def restore_states(module: nn.Module, states: States, rank: int, world_size: int) -> None:
    """Give the metrics of ``module`` what they had seen when the checkpoint was written.

    Each process gets its own; with another number of processes, the first gets the sums.

    Args:
        module: holds the metrics.
        states: by :func:`gathered_states`.
        rank: of this process.
        world_size: number of processes.
    """
    metrics = dict(_metrics(module))
    for name, values in states.items():
        if (metric := metrics.get(name)) is None or not _fits(values, metric):
            continue
        for key, stored in values.items():
            if len(stored) == world_size:
                value = stored[rank]
            else:
                value = stored.sum(dim=0) if rank == 0 else torch.zeros_like(stored[0])
            setattr(metric, key, value.to(metric.device))
        metric._update_count, metric._computed = 1, None


def _fits(values: Any, metric: Metric) -> bool:
    return isinstance(values, dict) and all(
        key in metric._defaults and isinstance(value, Tensor) and value.shape[1:] == metric._defaults[key].shape
        for key, value in values.items()
    )


def _metrics(module: nn.Module) -> list[tuple[str, Metric]]:
    """Metrics whose states are tensors that add up over processes."""
    return [
        (name, found)
        for name, found in module.named_modules()
        if isinstance(found, Metric)
        and all(isinstance(value, Tensor) for value in found._defaults.values())
        and all(fx is not None and "sum" in getattr(fx, "__name__", "") for fx in found._reductions.values())
    ]
