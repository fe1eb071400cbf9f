"""Are the heard classes both sure and varied?"""

import math

import numpy as np
import torch
from torch import Tensor

from lightning_modules.metrics.class_sums import ClassSums, LogProbabilityRows, class_sums
from lightning_modules.metrics.inputs import require


def inception_score(log_probs: Tensor) -> Tensor:
    r"""Inception score of log-probabilities ``(N, K)``, a float64 scalar in [1, K].

    .. math:: \exp \frac1N \sum_i \mathrm{KL}(p_i \| \bar p) = \exp\Big(H(\bar p) - \frac1N \sum_i H(p_i)\Big)

    Salimans et al. 2016 (arXiv:1606.03498), on all samples at once.
    """
    return inception_from_sums(class_sums(log_probs))


def benchmark_inception_score(log_probs: Tensor) -> Tensor:
    r"""Inception score as the SC09 benchmark computes it, of log-probabilities ``(N, K)`` in file order.

    .. math:: \exp \frac1K \sum_c \Big(\log M + \sum_i q_c(i) \log q_c(i)\Big), \qquad
        q_c(i) = p_i(c) \Big/ \sum_j p_j(c)

    over the first M = N/2 samples of a shuffled order (NumPy, seed 0): its entropy normalises over samples, not
    classes. That weighs every class by 1/K where the textbook weighs by the mean probability of the class. Both agree
    when the classes are balanced. Otherwise this one is biased, by a factor of two and more when classes are missing,
    and it may exceed K: for comparison with published tables only.

    Raises:
        ValueError: there are fewer than 2 samples.
    """
    half = require(len(log_probs), 2, "generated") // 2
    order = np.random.RandomState(0).permutation(len(log_probs))[:half]
    rows = log_probs.double().log_softmax(dim=1)[torch.as_tensor(order, device=log_probs.device)]
    entropy = torch.special.entr(rows.softmax(dim=0)).sum(dim=0)
    return (math.log(half) - entropy).mean().exp()


def inception_from_sums(sums: ClassSums) -> Tensor:
    """:func:`inception_score` of the clips that were summed: a scalar, or ``(R,)`` of resampled sums."""
    mean_probs = sums.probs / sums.num_clips.unsqueeze(-1)
    return (torch.special.entr(mean_probs).sum(dim=-1) - sums.entropy / sums.num_clips).exp()


class InceptionScore(LogProbabilityRows):
    """Inception score in its textbook form and in that of the SC09 benchmark, both float64.

    The benchmark's form depends on which clip is in which half, so log-probabilities are kept.
    """

    def compute(self) -> dict[str, Tensor]:
        """``is`` (:func:`inception_score`) and ``is_bench`` (:func:`benchmark_inception_score`).

        Raises:
            ValueError: fewer than 2 samples were seen, or one twice.
        """
        log_probs = self.log_probs
        bench = benchmark_inception_score(log_probs)
        return {"is": inception_score(log_probs), "is_bench": bench}
