"""Part `scoring`: on what the time of scoring a folder is spent, and how much memory its metrics need."""

import statistics
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from bench.models import make_evaluator
from bench.recordings import record_folder
from bench.report import Part
from bench.settings import Settings
from bench.timing import Ratio, exactly, synchronize
from bench.workers import MemoryMark, worker
from lightning_modules.evaluation.scoring.anchors import measures_for
from lightning_modules.evaluation.scoring.folders import folder_batches
from lightning_modules.evaluation.scoring.measures import Measure, Predictions
from lightning_modules.evaluation.scoring.predictions import feature_width, full_precision, measure, predict
from lightning_modules.evaluation.scoring.references import Reference
from lightning_modules.metrics import FeatureBins, FeatureMoments

BENCHMARK = 2048  # clips that SC09's benchmark scores
TRAINING_CLIPS = 31158  # of SC09; the reference's size decides the cost of nearest neighbours
READING, NETWORK, UPDATES, COMPUTING = "reading", "front end and network", "metric updates", "metric computation"


class Stopwatch:
    """Measures seconds and adds them up by account."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys((READING, NETWORK, UPDATES, COMPUTING), 0.0)

    def call(self, name: str, function: Any, *arguments: Any) -> Any:
        """Call ``function`` and add its time to the account ``name``."""
        synchronize()
        start = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            synchronize()
            self.seconds[name] += time.perf_counter() - start

    def each(self, name: str, items: Iterable[Any]) -> Iterator[Any]:
        """Pass ``items`` on and add the time of making them to the account ``name``."""
        iterator, end = iter(items), object()
        while (item := self.call(name, next, iterator, end)) is not end:
            yield item


class Timed:
    """A metric whose updates and computation are timed on two accounts."""

    def __init__(self, measure: Measure, watch: Stopwatch) -> None:
        self.measure, self.watch = measure, watch

    def update(self, seen: Predictions) -> None:
        self.watch.call(UPDATES, self.measure.update, seen)

    def compute(self) -> Any:
        return self.watch.call(COMPUTING, self.measure.compute)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.measure, name)


def scoring(settings: Settings) -> Part:
    """Shares of time with each evaluator, and memory of the metrics at N and 4N clips."""
    part = Part("scoring", ["evaluator", "what", "seconds", "share", f"share at {BENCHMARK} clips"])
    folder = record_folder(settings.scratch / "samples", settings.clips)
    for size in ("tiny",) if settings.tiny else ("experiments", "small"):
        evaluator, name = make_evaluator(size, settings.device), "ResNeXt-29 8x64d" if size == "experiments" else size
        rounds = [_score(evaluator, folder, settings) for _ in range(1 if size == "experiments" else settings.rounds)]
        growth = BENCHMARK / settings.clips
        best = min(rounds, key=lambda seconds: sum(seconds.values()))
        projected = _at(best, growth)
        for what, seconds in best.items():
            shares = seconds / sum(best.values()), projected[what] / sum(projected.values())
            part.rows.append([name, what, seconds, *shares])
        part.ratios[f"{name}: share of front end and network"] = network_share(rounds, 1.0)
        part.ratios[f"{name}: share of front end and network at {BENCHMARK} clips"] = network_share(rounds, growth)
    with worker() as run:
        few, many = run(metric_memory, settings)
    part.ratios |= {
        f"metric states: {name}, 4N / N": exactly(many[name] / few[name]) for name in ("all", "all but KID's clips")
    }
    part.ratios["metric memory while updating and computing, 4N / N"] = exactly(many["peak"] / few["peak"])
    part.notes = [
        f"{settings.clips} clips of one second from files, random weights, a reference of {_references(settings)} "
        f"clips. The share at {BENCHMARK} clips is projected: everything but metric computation grows with the clips.",
        f"Metrics at N = {settings.clips} and 4N hold {few['all']:.4g} and {many['all']:.4g} MB (KID keeps up to "
        f"10,000 clips), and peak at {few['peak']:.4g} and {many['peak']:.4g} MB above what was there before.",
    ]
    return part


def metric_memory(settings: Settings) -> list[dict[str, float]]:
    """Sizes in 10^6 bytes after N and 4N clips; runs in a process of its own."""
    width, found = 16 if settings.tiny else 1024, []
    reference = random_reference(width, min(2048, _references(settings)))
    mark = MemoryMark(torch.device("cpu"))
    for count in (settings.clips, 4 * settings.clips):
        measures = measures_for(width, reference)

        def run(measures: list[Measure] = measures, count: int = count) -> None:
            batches = (random_predictions(width, min(64, count - start), start) for start in range(0, count, 64))
            measure("memory", batches, measures)

        run()
        peak = mark.growth()
        sizes = {metric: _state_bytes(metric) / 1e6 for each in measures for metric in each.metrics()}
        kept = sum(size for metric, size in sizes.items() if type(metric).__name__ == "KernelDistance")
        total = sum(sizes.values())
        found.append({"all": total, "all but KID's clips": total - kept, "peak": peak})
    return found


def random_predictions(width: int, count: int, start: int = 0) -> Predictions:
    """Random predictions of an evaluator for ``count`` clips."""
    log_probs = torch.randn(count, 10).log_softmax(dim=1)
    index = torch.arange(start, start + count)
    return Predictions(log_probs, torch.randn(count, width), index % 10, index)


def random_reference(width: int, count: int, device: torch.device | str = "cpu") -> Reference:
    """A reference of ``count`` random training clips, with random clusters: k-means is no part of scoring a folder."""
    train = Predictions(*(part.to(device) for part in random_predictions(width, count)))
    moments = FeatureMoments(width).to(device)
    for part in train.features.split(2048):
        moments.update(part)
    clusters = min(50, count)
    bins = FeatureBins(train.features[:clusters].double().cpu(), torch.full((clusters,), count / clusters).double())
    return Reference(train, train, moments.compute(), train.log_probs.exp().double().mean(dim=0), bins, "", 1.0)


def _score(evaluator: Any, folder: Any, settings: Settings) -> dict[str, float]:
    watch, width, fe = Stopwatch(), feature_width(evaluator), evaluator.front_end
    reference = random_reference(width, _references(settings), settings.device)
    measures = [Timed(each, watch) for each in measures_for(width, reference)]
    hear = evaluator.forward
    evaluator.forward = lambda waveform: watch.call(NETWORK, hear, waveform)
    try:
        with full_precision():
            batches = watch.each(READING, folder_batches(folder, fe.sample_rate, fe.num_samples))
            measure("bench", predict(evaluator, batches), measures)
    finally:
        del evaluator.forward
    return watch.seconds


def _references(settings: Settings) -> int:
    return 64 if settings.tiny else TRAINING_CLIPS


def _at(seconds: dict[str, float], growth: float) -> dict[str, float]:
    """Seconds by account for ``growth`` times as many clips: all but the metrics' computation grows with them."""
    return {what: value if what == COMPUTING else growth * value for what, value in seconds.items()}


def network_share(rounds: list[dict[str, float]], growth: float) -> Ratio:
    """Share of front end and network with ``growth`` times as many clips, over rounds of seconds by account."""
    grown = [_at(seconds, growth) for seconds in rounds]
    shares = [seconds[NETWORK] / sum(seconds.values()) for seconds in grown]
    return Ratio(statistics.median(shares), min(shares), max(shares))


def _state_bytes(metric: Any) -> int:
    """Bytes of all states of a metric."""
    states = [getattr(metric, name) for name in metric._defaults]
    tensors = [tensor for state in states for tensor in (state if isinstance(state, list) else [state])]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
