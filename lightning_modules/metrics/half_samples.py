"""Standard error and bias of a figure, from random splits of its clips into two halves."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_modules.metrics.inputs import require
from lightning_modules.metrics.resampling import NORMAL, Interval


class Scatter(NamedTuple):
    """How far a figure is from its mean over repeated draws of as many clips.

    Attributes:
        error: standard deviation over repeated draws.
        bias: mean over repeated draws minus the value for infinitely many clips.
        linear: variance of its linear form, as the clips at hand show it.
        quadratic: variance of its quadratic form.
    """

    error: float
    bias: float
    linear: float
    quadratic: float


def split_signs(strata: Tensor, num_splits: int, seed: int = 0) -> Tensor:
    """Random splits of clips into halves: 1 for the first half, -1 for the second, as ``(R, N)`` float64 on the CPU.

    Each half has equally many clips of every stratum. Of an odd number the one left over gets 0: it is in both halves.
    Strata of a single clip count as one.

    Args:
        strata: ``(N,)`` integers; clips of one stratum were drawn alike, such as clips of one intended digit.
        num_splits: number of splits, R.
        seed: seed of the splits.

    Raises:
        ValueError: there are fewer than 2 clips or splits.
    """
    require(len(strata), 2, "split")
    if num_splits < 2:
        raise ValueError(f"expected at least 2 splits, got {num_splits}")
    _, numbers, sizes = strata.detach().cpu().unique(return_inverse=True, return_counts=True)
    strata = torch.where(sizes[numbers] > 1, numbers, -1)
    random_stream = torch.Generator().manual_seed(seed)
    signs = torch.zeros(num_splits, len(strata), dtype=torch.float64)
    for stratum in strata.unique():
        (places,) = torch.where(strata == stratum)
        half = len(places) // 2
        order = torch.rand(num_splits, len(places), generator=random_stream).argsort(dim=1)
        signs.scatter_(1, places[order[:, :half]], 1.0)
        signs.scatter_(1, places[order[:, len(places) - half :]], -1.0)
    return signs


def half_sample_scatter(values: Tensor, signs: Tensor) -> Scatter:
    r"""Standard error and bias of a figure from its values on the halves of R random splits.

    Let the figure be a linear and a quadratic form of the clips, up to smaller terms. Half the difference between two
    halves, d, holds the linear form; their mean less the figure itself, q, holds the quadratic one. Near the best value
    of a distance the linear form vanishes in truth, but not on the clips that happen to be there: this adds twice the
    variance of q to that of d, which is what makes a bootstrap or a jackknife too wide. It is taken off again; of what
    is left, e, a part is chance while it is small, and counts in part:

    .. math:: \mathrm{error}^2 = \mathrm{var}(q) + e \min\Big(1, \frac{\overline{d^2}}{4 \mathrm{var}(q)}\Big),
        \qquad e = \max(\overline{d^2} - 2 \mathrm{var}(q), 0), \qquad \mathrm{bias} = \bar q

    Half samples: McCarthy 1969, "Pseudo-replication: half samples"; variance of a degenerate statistic: Serfling 1980,
    "Approximation Theorems of Mathematical Statistics", section 5.

    Args:
        values: ``(2 R + 1,)`` the figure of all clips, of first halves and of second halves; clips with sign 0 count
            once in a half, others twice or never.
        signs: of :func:`split_signs`.
    """
    first, second = values[1:].chunk(2)
    odd, even = (first - second) / 2.0, (first + second) / 2.0 - values[0]
    share = float(signs.abs().mean())  # clips that lie in both halves vary in neither
    linear, quadratic = float(odd.square().mean()) / share, float(even.var()) / share**2
    excess = max(linear - 2.0 * quadratic, 0.0)
    if linear < 4.0 * quadratic:
        excess *= linear / (4.0 * quadratic)
    error = math.sqrt(excess + quadratic)
    return Scatter(error, float(even.mean()) / share, linear, quadratic)


def squared_distance_interval(distance: float, scatter: Scatter) -> Interval:
    r"""95 % interval of a squared distance whose unbiased estimate also takes negative values.

    The variance of the estimate grows with the distance: from that of the quadratic form at 0, about in proportion. The
    interval holds every distance from which the estimate is at most z standard deviations away, as Wilson's does for
    a share:

    .. math:: |\hat\theta - \theta| \le z \sqrt{V_q + c\, \theta}, \qquad \theta \ge 0, \qquad
        c = \frac{\max(V_l - 2 V_q, 0)}{s} + \frac{\sqrt{8}\, V_q^{3/2}}{s^2}, \qquad
        s = \max(\hat\theta, 0) + \sqrt{V_q}

    Far away the slope c is what the linear form shows, :math:`V_l / \theta`. Near 0 it shows nothing, and c is the most
    that is possible there: for a sum of squares :math:`\sum_i z_i^2` with variances :math:`\lambda_i` it is
    :math:`4 \max_i \lambda_i \le 4 \sqrt{V_q / 2}`. The interval is extended to an estimate below 0.

    Args:
        distance: unbiased estimate.
        scatter: of the estimate.
    """
    quadratic, excess = scatter.quadratic, max(scatter.linear - 2.0 * scatter.quadratic, 0.0)
    slope, scale = 0.0, max(distance, 0.0) + math.sqrt(quadratic)
    if scale > 0.0:
        slope = NORMAL**2 / 2.0 * (excess / scale + math.sqrt(8.0) * quadratic**1.5 / scale**2)
    root = math.sqrt(max(slope**2 + 2.0 * distance * slope + NORMAL**2 * quadratic, 0.0))
    low, high = max(distance + slope - root, 0.0), max(distance + slope + root, 0.0)
    return Interval(distance, min(distance, low), max(distance, high))
