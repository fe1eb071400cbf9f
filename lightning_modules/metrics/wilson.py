"""How sure is a share?"""

import math

from lightning_modules.metrics.resampling import Interval


def wilson_interval(hits: int, count: int, quantile: float = 1.959964) -> Interval:
    r"""Score interval of a binomial share (Wilson 1927), of 95 % by default.

    .. math:: \frac{p + \frac{z^2}{2 n} \pm z \sqrt{\frac{p (1 - p)}{n} + \frac{z^2}{4 n^2}}}{1 + \frac{z^2}{n}}

    It keeps its width where nothing or everything hits, of which a bootstrap makes a point.

    Args:
        hits: successes.
        count: trials, n.
        quantile: of the normal distribution, z.

    Raises:
        ValueError: there is no trial, or there are more hits than trials.
    """
    if not 0 <= hits <= count or count < 1:
        raise ValueError(f"expected 0 to n hits of n >= 1 trials, got {hits} of {count}")
    share, square = hits / count, quantile**2 / count
    middle = (share + square / 2) / (1 + square)
    reach = quantile * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return Interval(share, min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach)))
