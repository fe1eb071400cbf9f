"""Takes real test clips through log-Mels and back: a generator of log-Mels cannot sound better than these."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lightning_modules.audio import GriffinLim, Vocoder
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.evaluation.scoring.descriptions import PLAIN
from lightning_modules.evaluation.scoring.folders import clip_batches
from lightning_modules.evaluation.scoring.measures import Predictions
from lightning_modules.evaluation.scoring.predictions import WaveformBatches, check_clips, predict
from lightning_modules.evaluation.scoring.reference_cache import compute_once
from lightning_modules.evaluation.scoring.references import FORMAT, list_splits
from lightning_modules.evaluation.scoring.rows import GRIFFIN_LIM, REAL_TEST, THROUGH
from lightning_modules.evaluator import EvaluatorModule


def anchor_vocoders(evaluator: EvaluatorModule, vocoder: Vocoder | None = None) -> dict[str, Vocoder]:
    """Choose the vocoders that test clips go through, by name: always Griffin-Lim, and ``vocoder`` where it is another.

    Both analyse with one front end, so that they differ in the synthesis only. A Griffin-Lim of other settings takes
    the place of the default one.

    Raises:
        InputError: the evaluator needs clips of another sample rate or length than the vocoder makes.
    """
    front_end = None if vocoder is None else vocoder.front_end
    chosen = vocoder if isinstance(vocoder, GriffinLim) else GriffinLim(front_end)
    check_clips(evaluator, chosen.front_end, "the vocoder of the anchor rows makes")
    vocoders: dict[str, Vocoder] = {GRIFFIN_LIM: chosen}
    if vocoder is not None and vocoder is not chosen:
        vocoders[type(vocoder).__name__] = vocoder
    return vocoders


def load_resynthesised(
    evaluator: EvaluatorModule,
    root: Path,
    labels: Sequence[int],
    vocoders: Mapping[str, Vocoder],
    cache_dir: Path | None = None,
    batch_size: int = 64,
) -> dict[str, Predictions]:
    """Read or compute predictions of the test split through each vocoder, by its name.

    Vocoders of :func:`anchor_vocoders` are moved to the evaluator's device, in evaluation mode. The other arguments and
    the errors are those of :func:`load_reference`.
    """
    clips = {"test": list_splits(root, labels)["test"]}
    shared = {"evaluator": fingerprint(evaluator.state_dict()), "front_end": evaluator.front_end.settings}
    fe, by_vocoder = evaluator.front_end, {}
    for name, vocoder in vocoders.items():

        def hear(bar: str = f"{THROUGH} {name}", vocoder: Vocoder = vocoder) -> dict[str, Any]:
            real = clip_batches(root, clips["test"], fe.sample_rate, fe.num_samples, batch_size, bar)
            return Predictions.joined(predict(evaluator, resynthesise(vocoder, real, evaluator.device)))._asdict()

        identity = {"format": FORMAT, **shared, "vocoder": vocoder_identity(vocoder)}
        by_vocoder[name] = compute_once(cache_dir, identity, root, clips, hear, lambda stored: Predictions(**stored))
    return by_vocoder


@torch.no_grad()
def resynthesise(vocoder: Vocoder, batches: WaveformBatches, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Analyse waveforms ``(B, N)`` by the vocoder's front end and synthesise them again, beside digits ``(B,)``."""
    vocoder.to(device).eval()
    for waveform, y in batches:
        yield vocoder(vocoder.front_end(waveform.to(device))), y


class AnchorWaveforms:
    """Makes waveforms ``(B, N)`` of real test clips when they are first read, and holds them for the next metric."""

    def __init__(self, make: Callable[[], Iterable[tuple[Tensor, Tensor]]], labels: Sequence[int] = ()) -> None:
        self._make, self.labels = make, list(labels)
        self._batches: list[Tensor] | None = None

    def __iter__(self) -> Iterator[Tensor]:
        if self._batches is None:
            self._batches = [waveform.cpu() for waveform, _ in self._make()]  # 64 MB for 1000 clips of a second
        return iter(self._batches)


def anchor_waveforms(
    evaluator: EvaluatorModule, root: Path, labels: Sequence[int], vocoders: Mapping[str, Vocoder]
) -> dict[str, AnchorWaveforms]:
    """Make the waveforms behind the rows of real test clips, by the name of the row, for external metrics."""
    fe, clips = evaluator.front_end, list_splits(root, labels)["test"]

    def real(row: str) -> WaveformBatches:
        return clip_batches(root, clips, fe.sample_rate, fe.num_samples, name=row)

    def through(row: str, vocoder: Vocoder) -> WaveformBatches:
        return resynthesise(vocoder, real(row), evaluator.device)

    makers = {REAL_TEST: functools.partial(real, REAL_TEST)}
    for name, vocoder in vocoders.items():
        makers[f"{THROUGH} {name}"] = functools.partial(through, f"{THROUGH} {name}", vocoder)
    digits = [clip.label for clip in clips]
    return {row: AnchorWaveforms(make, digits) for row, make in makers.items()}


def vocoder_identity(vocoder: Vocoder) -> dict[str, Any]:
    """Collect all that a vocoder's waveforms depend on: its class, its settings, and a fingerprint of its tensors.

    Settings are the plain public attributes of it and its parts, such as Griffin-Lim's number of iterations: no tensor
    shows them. Tensors are parameters and buffers, also those that no checkpoint holds.
    """
    tensors = {**dict(vocoder.named_parameters()), **dict(vocoder.named_buffers())}
    return {
        "class": f"{type(vocoder).__module__}.{type(vocoder).__qualname__}",
        "analysis": vocoder.front_end.settings,
        "settings": {
            f"{path}.{name}": value
            for path, module in vocoder.named_modules()
            for name, value in vars(module).items()
            if name[0] != "_" and name != "training" and isinstance(value, PLAIN)
        },
        "tensors": fingerprint(tensors),
    }
