"""Counts of parameters and of multiply-accumulates, which include backward passes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


class ParameterCount(NamedTuple):
    """How many parameters a module has, and how many of them are trained."""

    total: int
    trainable: int


def count_parameters(module: nn.Module) -> ParameterCount:
    """Count the parameters of ``module``."""
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return ParameterCount(sum(n for n, _ in sizes), sum(n for n, trained in sizes if trained))


def count_gmacs(function: Callable[..., Any], *args: Any) -> float:
    """Billions of multiply-accumulates of one call of ``function``, including ``autograd.grad`` calls inside it.

    Convolutions and matrix products only, as in the paper's Table 1. Attention is counted under its plain
    implementation, since fused CPU kernels are invisible to the counter.
    """
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        function(*args)
    return counter.get_total_flops() / 2e9
