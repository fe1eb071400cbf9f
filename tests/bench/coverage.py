"""How often do 95 % intervals hold the truth? A simulation: `PYTHONPATH=tests python -m bench.coverage`.

A world is ten classes of features with different spreads, and an evaluator that is a linear classifier of them. Its
generator differs from real speech by a shift and a factor of the spread; 0 and 1 are real speech itself. Digits come in
turns, as samples are drawn, or at large.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_modules.metrics import (
    FeatureStatistics,
    FrechetDistance,
    FrechetError,
    KernelDistance,
    ScoreIntervals,
    am_from_sums,
    inception_from_sums,
    modified_inception_from_sums,
    wilson_interval,
)
from lightning_modules.metrics.class_sums import class_sums
from lightning_modules.metrics.resampling import NORMAL

WIDTH, CLASSES = 32, 10
MEANS = 0.25  # scale of the classes' means
BALANCE = torch.full((CLASSES,), 1.0 / CLASSES, dtype=torch.float64)
SCORES = {
    "is": inception_from_sums,
    "mis": modified_inception_from_sums,
    "am": partial(am_from_sums, train=BALANCE),
}
LOGARITHMIC = ("is", "mis")


class World(NamedTuple):
    """What a generator draws.

    Attributes:
        shift: of the features, to the next class' mean.
        spread: factor of the spread within a class.
        in_turns: whether digits come in turns.
        sharpness: factor of the evaluator's logits; a large one is sure of everything.
    """

    shift: float = 0.0
    spread: float = 1.0
    in_turns: bool = True
    sharpness: float = 4.0


WORLDS = {
    "real speech": World(),
    "real speech, at large": World(in_turns=False),
    "near": World(shift=0.05),
    "near, at large": World(shift=0.05, in_turns=False),
    "less varied": World(spread=0.9),
    "far": World(shift=0.4, spread=1.2),
    "far, at large": World(shift=0.4, spread=1.2, in_turns=False),
    "sure evaluator": World(sharpness=15.0),
    "sure evaluator, at large": World(sharpness=15.0, in_turns=False),
}


def class_means() -> Tensor:
    """Means ``(K, D)`` of the classes."""
    return MEANS * torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def draw(world: World, count: int, random_stream: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Features ``(N, D)``, log-probabilities ``(N, K)`` and digits ``(N,)`` of N clips."""
    means, scales = class_means(), torch.logspace(0, -1.5, WIDTH, dtype=torch.float64)
    y = torch.arange(count) % CLASSES if world.in_turns else torch.randint(CLASSES, (count,), generator=random_stream)
    noise = world.spread * scales * torch.randn(count, WIDTH, generator=random_stream, dtype=torch.float64)
    features = means[y] + world.shift * (means.roll(1, 0) - means)[y] + noise
    logits = features @ means.mT - means.square().sum(dim=1) / 2.0
    return features, (world.sharpness * logits).log_softmax(dim=1), y


def intervals(world: World, count: int, real: FeatureStatistics, seed: int) -> dict[str, tuple[float, float, float]]:
    """Value, lower and upper end of each figure of one draw."""
    random_stream = torch.Generator().manual_seed(seed)
    features, log_probs, y = draw(world, count, random_stream)
    others, _, z = draw(World(in_turns=world.in_turns), count, random_stream)
    strata = (y, z) if world.in_turns else (None, None)
    frechet, error = FrechetDistance(WIDTH, real), FrechetError(WIDTH, real)
    frechet.update(features)
    error.update(features, y=strata[0])
    fid, reach = float(frechet.compute()), NORMAL * float(error.compute())
    kernel = KernelDistance(WIDTH)
    kernel.update(features, y=strata[0])
    kernel.update(others, real=True, y=strata[1])
    kid = {name: float(value) for name, value in kernel.compute().items()}
    scores = ScoreIntervals(SCORES, logarithmic=LOGARITHMIC)
    scores.update(log_probs, y=strata[0])
    ends = scores.compute()
    hits = wilson_interval(int((log_probs.argmax(dim=1) == y).sum()), count)
    own = {name: float(score(class_sums(log_probs))) for name, score in SCORES.items()}
    return {
        "accuracy": (hits.value, hits.low, hits.high),
        "fid": (fid, fid - reach, fid + reach),
        "kid": (kid["kid"], kid["kid_low"], kid["kid_high"]),
        **{name: (own[name], ends[f"{name}_low"], ends[f"{name}_high"]) for name in SCORES},
    }


def large_sample(world: World, count: int = 200_000) -> tuple[FeatureStatistics, dict[str, float]]:
    """Statistics of the features of very many clips, and their scores."""
    features, log_probs, y = draw(world, count, torch.Generator().manual_seed(0))
    sums = class_sums(log_probs)
    known = {name: float(score(sums)) for name, score in SCORES.items()}
    known["accuracy"] = float((log_probs.argmax(dim=1) == y).double().mean())
    return FeatureStatistics(features.mean(dim=0), features.mT.cov(), count), known


def true_kernel_distance(world: World, count: int = 20_000) -> float:
    """Kernel distance of the world to real speech, 0 for real speech itself, from many clips."""
    if world.shift == 0.0 and world.spread == 1.0:
        return 0.0
    metric = KernelDistance(WIDTH, num_subsets=2, limit=count)
    random_stream = torch.Generator().manual_seed(0)
    for each, real in ((world, False), (World(), True)):
        features, _, y = draw(each._replace(in_turns=True), count, random_stream)
        metric.update(features, real=real, y=y)
    return float(metric.compute()["kid"])


def coverage(world: World, count: int, repetitions: int) -> dict[str, float]:
    """Share of draws whose interval holds the truth, by figure.

    The truth is the value for infinitely many clips; for FID it is the mean over all draws of as many clips.
    """
    real, _ = large_sample(World())
    _, known = large_sample(world)
    found = [intervals(world, count, real, seed) for seed in range(1, 1 + repetitions)]
    known["kid"] = true_kernel_distance(world)
    known["fid"] = sum(each["fid"][0] for each in found) / repetitions
    return {
        name: sum(low <= truth <= high for _, low, high in (each[name] for each in found)) / repetitions
        for name, truth in known.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of coverages."""
    parser = argparse.ArgumentParser(prog="python -m bench.coverage", description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[256, 2048], help="numbers of clips, N")
    parser.add_argument("--repetitions", type=int, default=1000, help="draws for each row of the table")
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=list(WORLDS), help="rows of the table")
    options = parser.parse_args(arguments)
    names = ["accuracy", "is", "mis", "am", "fid", "kid"]
    print("| clips | N |", " | ".join(names), "|\n| :-- | --: |", " | ".join(["--:"] * len(names)), "|")
    for count in options.counts:
        for name in options.worlds:
            found = coverage(WORLDS[name], count, options.repetitions)
            print(f"| {name} | {count:,} |", " | ".join(f"{100 * found[each]:.1f}" for each in names), "|", flush=True)


if __name__ == "__main__":
    main()
