"""Inception scores: is the evaluator sure of each clip, and do the clips differ from each other?"""

import math

import numpy as np
import torch
from torch import Tensor

from lightning_modules.metrics.class_sums import ClassSums, LogProbabilityRows, class_sums
from lightning_modules.metrics.inputs import require

NUM_PAIRS = 10_000  # of clips, which the benchmark's modified score draws


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
    and it may exceed K. Use it for comparison with published tables only.

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

    The benchmark's form depends on which clip is in which half, so the log-probabilities of all clips are stored.
    """

    def compute(self) -> dict[str, Tensor]:
        """``is`` (:func:`inception_score`) and ``is_bench`` (:func:`benchmark_inception_score`); 2 clips at least."""
        log_probs = self.log_probs
        bench = benchmark_inception_score(log_probs)
        return {"is": inception_score(log_probs), "is_bench": bench}


def modified_inception_score(log_probs: Tensor) -> Tensor:
    r"""Modified inception score over all pairs of log-probabilities ``(N, K)``, a float64 scalar of at least 1.

    .. math:: \exp \frac1{N^2} \sum_{i,j} \mathrm{KL}(p_i \| p_j)
        = \exp\Big(-\frac1N \sum_i H(p_i) - \sum_y \bar p(y)\, \frac1N \sum_j \log p_j(y)\Big)

    Gurumurthy et al. 2017 (arXiv:1706.02071), in closed form. The classes that the evaluator rules out dominate it:
    compare values of one evaluator only.
    """
    return modified_inception_from_sums(class_sums(log_probs))


def sampled_modified_inception_score(log_probs: Tensor) -> Tensor:
    """Mean over 10,000 pairs of rows ``(N, K)`` drawn with replacement, as the SC09 benchmark does (NumPy, seed 0).

    It scatters about :func:`modified_inception_score` by 5 to 20 %.

    Raises:
        ValueError: there is no sample.
    """
    count = require(len(log_probs), 1, "generated")
    pairs = torch.as_tensor(np.random.RandomState(0).choice(count, size=(NUM_PAIRS, 2)), device=log_probs.device)
    log_p, log_q = log_probs.double().log_softmax(dim=1)[pairs].unbind(dim=1)
    return _expectation(log_p.exp(), log_p - log_q).mean().exp()


def modified_inception_from_sums(sums: ClassSums) -> Tensor:
    """:func:`modified_inception_score` of the clips that were summed: a scalar, or ``(R,)`` of resampled sums."""
    n = sums.num_clips.unsqueeze(-1)
    return (-_expectation(sums.probs / n, sums.log_probs / n) - sums.entropy / sums.num_clips).exp()


class ModifiedInceptionScore(LogProbabilityRows):
    """Modified inception score over all pairs and over the SC09 benchmark's sample of pairs, both float64.

    The benchmark's pairs depend on the order of clips, so the log-probabilities of all clips are stored.
    """

    def compute(self) -> dict[str, Tensor]:
        """``mis`` (:func:`modified_inception_score`) and ``mis_bench`` (:func:`sampled_modified_inception_score`)."""
        log_probs = self.log_probs
        bench = sampled_modified_inception_score(log_probs)
        return {"mis": modified_inception_score(log_probs), "mis_bench": bench}


def _expectation(probs: Tensor, values: Tensor) -> Tensor:
    """Sum over classes of ``values`` weighted by ``probs``; probability 0 adds 0, even to an infinite value."""
    return torch.where(probs > 0, probs * values, 0.0).sum(dim=-1)
