"""The judge: what a separately trained evaluator makes of clips, measured as one row."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.measures import Diversity, Measure, Predictions, Recognition
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluator import EvaluatorModule

WaveformBatches = Iterable[tuple[Tensor, Tensor]]


def feature_width(evaluator: EvaluatorModule) -> int:
    """Width of the evaluator's features, D."""
    width = evaluator.network.num_features
    assert isinstance(width, int)
    return width


def measuring_device(evaluator: EvaluatorModule) -> torch.device:
    """Where measures of this evaluator work: on its device, or the CPU where that has no float64 (Apple's GPUs)."""
    device: torch.device = evaluator.device
    return torch.device("cpu") if device.type == "mps" else device


def full_precision() -> Any:
    """A context without TF32, which keeps 10 bits of a feature."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


@torch.no_grad()
def predictions(evaluator: EvaluatorModule, batches: WaveformBatches) -> Iterator[Predictions]:
    """What ``evaluator`` makes of waveforms ``(B, N)`` with intended digits ``(B,)``, -1 for none; batch by batch.

    On :func:`measuring_device`, in float32; clips are numbered in the order in which they come.
    """
    evaluator.eval()
    device, count = measuring_device(evaluator), 0
    for waveform, y in batches:
        log_probs, features = evaluator(waveform.to(evaluator.device))
        index = torch.arange(count, count + len(y), device=device)
        yield Predictions(log_probs.to(device).float(), features.to(device).float(), y.to(device), index)
        count += len(y)


def measure(
    name: str,
    seen: Iterable[Predictions],
    measures: Sequence[Measure],
    evaluator: str = "",
    reference_count: int | None = None,
) -> Row:
    """The row of predictions that come in batches; measured by this process, on the device that they are on.

    Raises:
        InputError: there is no clip.
    """
    count = 0
    for batch in seen:
        for each in measures:
            if not count:
                each.to(batch.features.device)
                each.compute_locally()
            each.update(batch)
        count += len(batch.y)
    if not count:
        raise InputError(f"expected clips to judge, but {name!r} has none")
    figures: dict[str, float] = {}
    notes: list[str] = []
    for each in measures:
        found, remarks = each.compute()
        figures |= found
        notes += remarks
    tables = [table for each in measures if (table := each.confusion()) is not None]
    confusion = tables[0] if tables else None
    return Row(name, count, figures, notes, evaluator, reference_count, confusion=confusion)


def judge(
    evaluator: EvaluatorModule, name: str, batches: WaveformBatches, measures: Sequence[Measure] | None = None
) -> Row:
    """The row of waveforms ``(B, N)`` with intended digits ``(B,)``, -1 for none.

    Args:
        evaluator: the judge.
        name: of the row.
        batches: read once.
        measures: fresh ones; accuracy, confidence and diversity by default.
    """
    chosen = [Recognition(), Diversity(feature_width(evaluator))] if measures is None else measures
    return measure(name, predictions(evaluator, batches), chosen, fingerprint(evaluator.state_dict()))


def split_batches(dataset: Any, limit: int | None = None, batch_size: int = 64) -> WaveformBatches:
    """Waveforms and digits of a split whose front end is ``Waveform``: the first ``limit`` clips of a seeded order."""
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))[:limit]
    for rows in order.split(batch_size):
        batch = dataset.__getitems__(rows.tolist())
        yield batch.x_0, batch.y
