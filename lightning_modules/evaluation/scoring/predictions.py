"""Lets an evaluator predict the digits of clips, and measures its predictions as one row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lightning_modules.audio import FrontEnd
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.errors import InputError, NonFiniteError
from lightning_modules.evaluation.scoring.measures import Diversity, Measure, Predictions, Recognition, local_metric
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluator import EvaluatorModule

WaveformBatches = Iterable[tuple[Tensor, Tensor]]


def feature_width(evaluator: EvaluatorModule) -> int:
    """Return the width of the evaluator's features, D."""
    width = evaluator.network.num_features
    assert isinstance(width, int)
    return width


def measuring_device(evaluator: EvaluatorModule) -> torch.device:
    """Return the device of the evaluator's measures: its own, or the CPU where that has no float64 (Apple's GPUs)."""
    device: torch.device = evaluator.device
    return torch.device("cpu") if device.type == "mps" else device


def full_precision() -> Any:
    """Make a context without TF32, which keeps only 10 bits of a feature."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def check_clips(evaluator: EvaluatorModule, front_end: FrontEnd, maker: str) -> None:
    """Refuse an evaluator that takes clips of another rate or length than ``front_end``, as ``maker`` says.

    Raises:
        InputError: says both.
    """
    theirs, ours = evaluator.front_end, front_end
    if (theirs.sample_rate, theirs.num_samples) != (ours.sample_rate, ours.num_samples):
        raise InputError(
            f"expected an evaluator of clips of {ours.num_samples} samples at {ours.sample_rate} Hz, which {maker}, "
            f"got {theirs.num_samples} at {theirs.sample_rate} Hz: train one on such clips"
        )


def predict_batch(evaluator: EvaluatorModule, waveform: Tensor, y: Tensor, index: Tensor) -> Predictions:
    """Let ``evaluator`` predict the digits of a waveform ``(B, N)``, in float32 on :func:`measuring_device`.

    Its intended digits ``y`` and the places ``index`` of its clips in the row are passed on.

    Raises:
        NonFiniteError: the waveforms are finite, and what the evaluator makes of them is not.
    """
    device = measuring_device(evaluator)
    log_probs, features = evaluator(waveform.to(evaluator.device))
    if not torch.isfinite(features).all() and torch.isfinite(waveform).all():
        raise NonFiniteError(f"the evaluator's features are not finite at clips {int(index[0])} to {int(index[-1])}")
    return Predictions(log_probs.to(device).float(), features.to(device).float(), y.to(device), index.to(device))


@torch.no_grad()
def predict(evaluator: EvaluatorModule, batches: WaveformBatches) -> Iterator[Predictions]:
    """Let ``evaluator``, in evaluation mode, predict the digits of clips, which are numbered as they come.

    Batches are waveforms ``(B, N)`` and intended digits ``(B,)``, ``NO_LABEL`` for none.
    """
    evaluator.eval()
    count = 0
    for waveform, y in batches:
        yield predict_batch(evaluator, waveform, y, torch.arange(count, count + len(y)))
        count += len(y)


def measure(
    name: str,
    seen: Iterable[Predictions],
    measures: Sequence[Measure],
    evaluator: str = "",
    reference_count: int | None = None,
) -> Row:
    """Measure predictions that come in batches as one row, in this process, on the device that they are on.

    The measures are fresh ones; the row gets the fingerprint of the evaluator and ``reference_count``.

    Raises:
        InputError: there is no clip.
    """
    count = 0
    for batch in seen:
        for each in measures:
            if not count:
                each.to(batch.features.device)
                for metric in each.metrics():
                    local_metric(metric)  # other processes wait
            each.update(batch)
        count += len(batch.y)
    if not count:
        raise InputError(f"expected clips to score, but {name!r} has none")
    row = Row(name, count, evaluator=evaluator, reference_count=reference_count)
    for each in measures:
        row.add(*each.compute())
    tables = [table for each in measures if (table := each.confusion()) is not None]
    return replace(row, confusion=tables[0] if tables else None)


def score_clips(
    evaluator: EvaluatorModule, name: str, batches: WaveformBatches, measures: Sequence[Measure] | None = None
) -> Row:
    """Score waveforms ``(B, N)`` with intended digits ``(B,)``, ``NO_LABEL`` for none, as one row.

    By default its accuracy, confidence and diversity are measured; ``measures`` are fresh ones.
    """
    chosen = [Recognition(), Diversity(feature_width(evaluator))] if measures is None else measures
    return measure(name, predict(evaluator, batches), chosen, fingerprint(evaluator.state_dict()))


def split_batches(dataset: Any, limit: int | None = None, batch_size: int = 64) -> WaveformBatches:
    """Read waveforms and digits of a split whose front end is ``Waveform``: the first ``limit`` of a seeded order."""
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))[:limit]
    for rows in order.split(batch_size):
        batch = dataset.__getitems__(rows.tolist())
        yield batch.x_0, batch.y
