"""Measures what a vocoder costs per second of speech: time on one thread, multiply-accumulates, parameters."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_modules.evaluation.vocoders.candidates import Candidate
from lightning_modules.networks.cost import count_gmacs, count_parameters

_REAL_TRANSFORMS = ("_fft_r2c", "_fft_c2r")


def measure_costs(candidates: Sequence[Candidate], x_0: Tensor, rounds: int) -> dict[str, dict[str, float]]:
    """Measure the cost of each candidate per second of speech, on the CPU; figures by the candidate's name.

    ``seconds`` is the median over rounds of one clip at a time on one thread; ``time_ratio`` is the median of the
    quotients to the first candidate in the same round, ``_low`` and ``_high`` the smallest and the largest.

    Vocoders take turns. Each round has one of the scaled log-Mels ``(R, 1, F, L)`` of real clips, and then again from
    the first.
    """
    fe = candidates[0].vocoder.front_end
    duration = fe.num_samples / fe.sample_rate
    vocoders = {candidate.name: candidate.vocoder for candidate in candidates}
    seconds = time_in_turn(vocoders, [x_0[i % len(x_0)][None] for i in range(rounds)])
    first, figures = seconds[candidates[0].name], {}
    for name, vocoder in vocoders.items():
        ratios = [a / b for a, b in zip(seconds[name], first, strict=True)]
        figures[name] = {
            "seconds": median(seconds[name]) / duration,
            "time_ratio": median(ratios),
            "time_ratio_low": min(ratios),
            "time_ratio_high": max(ratios),
            "gmacs": count_gmacs(vocoder, x_0[:1]) / duration,
            "fft_gmacs": count_fft_gmacs(vocoder, x_0[:1]) / duration,
            "parameters_million": count_parameters(vocoder).total / 1e6,
        }
    return figures


def time_in_turn(
    functions: Mapping[str, Callable[[Tensor], Any]],
    inputs: Sequence[Tensor],
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time every function on every input, on one thread; all take an input before any takes the next.

    So other work of the machine slows all of them alike. One call of each goes before and does not count.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for function in functions.values():
            function(inputs[0])
        seconds: dict[str, list[float]] = {name: [] for name in functions}
        for each in inputs:
            for name, function in functions.items():
                start = clock()
                function(each)
                seconds[name].append(clock() - start)
    finally:
        torch.set_num_threads(threads)
    return seconds


def count_fft_gmacs(function: Callable[..., Any], *args: Any) -> float:
    r"""Count billions of nominal multiply-accumulates in the real Fourier transforms of one call of ``function``.

    A real transform of n points counts as :math:`\tfrac{5}{4} n \log_2 n`: half of the :math:`\tfrac{5}{2} n \log_2 n`
    operations that the benchmark of FFTW (Frigo and Johnson 2005) takes for it, two of which make one MAC. The counter
    of :func:`count_gmacs` sees no transform.
    """
    counter = _Transforms()
    with counter, torch.no_grad():
        function(*args)
    return counter.macs / 1e9


class _Transforms(TorchDispatchMode):
    """Adds up the nominal multiply-accumulates of every real Fourier transform."""

    macs = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in _REAL_TRANSFORMS:
            real = args[0] if func.overloadpacket.__name__ == "_fft_r2c" else result
            points = math.prod(real.shape[axis] for axis in args[1])
            self.macs += 1.25 * real.numel() * math.log2(points)
        return result
