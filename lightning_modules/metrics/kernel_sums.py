"""Weighted means of the cubic kernel over pairs of clips, in chunks that bound the memory."""

import torch
from torch import Tensor


def half_weights(signs: Tensor) -> Tensor:
    """Weights ``(N, 2 R + 1)`` of all clips, of R first halves and of their R second halves; each column adds up to N.

    Args:
        signs: ``(R, N)`` of :func:`~lightning_modules.metrics.half_samples.split_signs`.
    """
    return 1.0 + torch.cat([torch.zeros_like(signs[:1]), signs, -signs]).mT


def own_means(x: Tensor, weights: Tensor, classes: Tensor | None = None) -> Tensor:
    r"""Unbiased mean of the kernel over pairs of two clips of one set, ``(Q,)`` for weights ``(N, Q)``.

    For clips drawn at large this is the mean over all pairs of different clips. For classes of fixed sizes it is
    the sum over pairs of classes of their shares times the mean over their pairs:

    .. math:: \frac{1}{N^2} \Big(\sum_{i \ne j} w_i w_j k_{ij} + \sum_c \frac{s_c}{n_c^2 - s_c}
        \sum_{i \ne j \in c} w_i w_j k_{ij}\Big), \qquad n_c = \sum_{i \in c} w_i, \quad s_c = \sum_{i \in c} w_i^2

    Args:
        x: ``(N, D)`` features.
        weights: ``(N, Q)``; each column adds up to N, and to the number of clips in each class.
        classes: ``(N,)`` classes of the clips; None for clips drawn at large.
    """
    classes = torch.zeros(len(x), device=x.device) if classes is None else classes
    parts = [torch.where(classes == each)[0] for each in classes.unique()]
    blocks = [_pair_sums(x[part], weights[part]) for part in parts]
    total = blocks[0] if len(parts) == 1 else _pair_sums(x, weights)
    for part, block in zip(parts, blocks, strict=True):
        squares = weights[part].square().sum(dim=0)
        rest = weights[part].sum(dim=0).square() - squares
        total = total + torch.where(rest > 0.5, squares / rest, 0.0) * block  # a half may lack pairs of a small class
    return total / len(x) ** 2


def cross_means(x: Tensor, x_weights: Tensor, y: Tensor, y_weights: Tensor, chunk: int = 1024) -> Tensor:
    """Mean of the kernel over pairs of a clip of each set, ``(Q,)`` for weights ``(M, Q)`` and ``(N, Q)``."""
    sums = [
        (_kernel(part, y) @ y_weights * weight).sum(dim=0)
        for part, weight in zip(x.split(chunk), x_weights.split(chunk), strict=True)
    ]
    return torch.stack(sums).sum(dim=0) / (len(x) * len(y))


def _pair_sums(x: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of the kernel over all ordered pairs of different clips."""
    itself = (x.square().sum(dim=1) / x.shape[1] + 1.0).pow(3)
    return cross_means(x, weights, x, weights) * len(x) ** 2 - itself @ weights.square()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.mT / x.shape[1] + 1.0).pow(3)
