"""Real test clips through an analysis to log-Mels and back: the best that a generator of log-Mels can sound."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.audio import GriffinLim, Vocoder
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.folders import clip_batches
from lightning_modules.evaluation.scoring.judging import WaveformBatches, predictions
from lightning_modules.evaluation.scoring.keeping import clips_key, keep, kept, kept_file
from lightning_modules.evaluation.scoring.measures import Predictions
from lightning_modules.evaluation.scoring.references import FORMAT, list_splits
from lightning_modules.evaluator import EvaluatorModule

GRIFFIN_LIM = "Griffin-Lim"


def anchor_vocoders(evaluator: EvaluatorModule, vocoder: Vocoder | None = None) -> dict[str, Vocoder]:
    """What test clips are synthesised by, by name: Griffin-Lim always, and ``vocoder`` where it is another.

    Both analyse alike, so that they differ in the synthesis only.

    Args:
        evaluator: its clips are analysed.
        vocoder: a Griffin-Lim of other settings takes the place of the default one.

    Raises:
        InputError: the evaluator hears clips of another sample rate or length than the vocoder makes.
    """
    front_end = None if vocoder is None else vocoder.front_end
    chosen = vocoder if isinstance(vocoder, GriffinLim) else GriffinLim(front_end)
    heard, analysed = evaluator.front_end, chosen.front_end
    if (heard.sample_rate, heard.num_samples) != (analysed.sample_rate, analysed.num_samples):
        raise InputError(
            f"expected an evaluator of clips of {analysed.num_samples} samples at {analysed.sample_rate} Hz, which the "
            f"vocoder of the anchor rows makes, got {heard.num_samples} at {heard.sample_rate} Hz: train an evaluator "
            "on such clips"
        )
    found: dict[str, Vocoder] = {GRIFFIN_LIM: chosen}
    if vocoder is not None and vocoder is not chosen:
        found[type(vocoder).__name__] = vocoder
    return found


def load_resynthesised(
    evaluator: EvaluatorModule,
    root: Path,
    labels: Sequence[int],
    vocoders: Mapping[str, Vocoder],
    cache_dir: Path | None = None,
    batch_size: int = 64,
) -> dict[str, Predictions]:
    """Predictions of the test split through each vocoder, by its name; computed where they are not kept yet.

    Args:
        evaluator: the judge.
        root: folder of a corpus in Speech Commands layout.
        labels: digits to keep.
        vocoders: of :func:`anchor_vocoders`; moved to the evaluator's device, in evaluation mode.
        cache_dir: where to keep the predictions; a folder of the user's cache by default.
        batch_size: clips at a time.

    Raises:
        InputError: the corpus cannot be used.
    """
    clips = {"test": list_splits(root, labels)["test"]}
    judge = {"evaluator": fingerprint(evaluator.state_dict()), "front_end": evaluator.front_end.settings}
    fe, found = evaluator.front_end, {}
    for name, vocoder in vocoders.items():
        identity = {"format": FORMAT, **judge, "vocoder": vocoder_identity(vocoder)}
        path = kept_file(cache_dir, clips_key(identity, root, clips))
        seen = kept(path, lambda stored: Predictions(**stored))
        if seen is None:
            vocoder.to(evaluator.device).eval()
            bar = f"real test through {name}"
            real = clip_batches(root, clips["test"], fe.sample_rate, fe.num_samples, batch_size, bar)
            parts = predictions(evaluator, resynthesised(vocoder, real, evaluator.device))
            seen = Predictions(*(torch.cat(column) for column in zip(*parts, strict=True)))
            keep(path, seen._asdict())
        found[name] = seen
    return found


@torch.no_grad()
def resynthesised(vocoder: Vocoder, batches: WaveformBatches, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Waveforms ``(B, N)`` analysed by the vocoder's front end and synthesised again, with their digits ``(B,)``."""
    for waveform, y in batches:
        yield vocoder(vocoder.front_end(waveform.to(device))), y


class AnchorWaveforms:
    """Waveforms ``(B, N)`` of real test clips, made when first asked for, and held for the next judge.

    Args:
        make: gives them once.
    """

    def __init__(self, make: Callable[[], Iterable[tuple[Tensor, Tensor]]]) -> None:
        self._make = make
        self._batches: list[Tensor] | None = None

    def __iter__(self) -> Iterator[Tensor]:
        if self._batches is None:
            self._batches = [waveform.cpu() for waveform, _ in self._make()]  # 64 MB for 1000 clips of a second
        return iter(self._batches)


def anchor_waveforms(
    evaluator: EvaluatorModule, root: Path, labels: Sequence[int], vocoders: Mapping[str, Vocoder]
) -> dict[str, AnchorWaveforms]:
    """What is heard in the rows of real test clips, by row, for judges of another kind."""
    fe, clips = evaluator.front_end, list_splits(root, labels)["test"]

    def real(row: str) -> WaveformBatches:
        return clip_batches(root, clips, fe.sample_rate, fe.num_samples, name=row)

    def again(row: str, vocoder: Vocoder) -> WaveformBatches:
        return resynthesised(vocoder.to(evaluator.device).eval(), real(row), evaluator.device)

    found = {"real test": AnchorWaveforms(functools.partial(real, "real test"))}
    for name, vocoder in vocoders.items():
        row = f"real test through {name}"
        found[row] = AnchorWaveforms(functools.partial(again, row, vocoder))
    return found


def vocoder_identity(vocoder: Vocoder) -> dict[str, Any]:
    """All that a vocoder's waveforms depend on: its class, its settings, and a fingerprint of its tensors.

    Settings are the plain public attributes of it and its parts, such as Griffin-Lim's number of iterations: no tensor
    tells them. Tensors are parameters and buffers, also those that no checkpoint holds.
    """
    tensors = {**dict(vocoder.named_parameters()), **dict(vocoder.named_buffers())}
    return {
        "class": f"{type(vocoder).__module__}.{type(vocoder).__qualname__}",
        "analysis": vocoder.front_end.settings,
        "settings": dict(_plain_attributes(vocoder.named_modules())),
        "tensors": fingerprint(tensors),
    }


def _plain_attributes(modules: Iterable[tuple[str, nn.Module]]) -> Iterator[tuple[str, Any]]:
    for path, module in modules:
        for name, value in vars(module).items():
            if name[0] != "_" and name != "training" and isinstance(value, bool | int | float | str | None):
                yield f"{path}.{name}", value
