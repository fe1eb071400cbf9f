"""Computes what an evaluator predicts for real speech, once for an evaluator and a corpus."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor

from datamodules.corpus_layout import Clip, Split, list_clips, list_held_out
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.folders import clip_batches
from lightning_modules.evaluation.scoring.measures import Predictions, local_metric
from lightning_modules.evaluation.scoring.predictions import measuring_device, predict
from lightning_modules.evaluation.scoring.reference_cache import compute_once
from lightning_modules.evaluator import EvaluatorModule
from lightning_modules.metrics import (
    FeatureBins,
    FeatureMoments,
    FeatureStatistics,
    distances_without_itself,
    fit_bins,
    nearest_distances,
)

FORMAT = 3  # raised when the same key begins to mean other figures
CHUNK = 2048  # clips at a time where float64 copies are made


class Reference(NamedTuple):
    """Predictions and statistics of one corpus by one evaluator, which other clips are compared with."""

    train: Predictions  # predictions of the training split, which distances refer to
    test: Predictions  # predictions of the test split
    statistics: FeatureStatistics  # mean and covariance of the training features
    mean_probs: Tensor  # (K,) mean class probability of the training split
    bins: FeatureBins | None  # clusters of the training features; None where they could not be made
    no_bins: str  # the reason why there are no bins; empty where there are
    nearest_real: float  # mean distance of test clips to their nearest training clip
    # distances to the nearest training clip of real clips by the training speakers, for the test of memorisation: of
    # clips held out of training, and without such a list of each training clip to the others
    null: tuple[float, ...] = ()

    @property
    def accuracy(self) -> float:
        """Share of the test clips whose digit the evaluator recognises."""
        return _accuracy(self.test)


_NESTED = {"train": Predictions, "test": Predictions, "statistics": FeatureStatistics, "bins": FeatureBins}


def load_reference(
    evaluator: EvaluatorModule,
    root: Path,
    labels: Sequence[int],
    minimum_accuracy: float,
    cache_dir: Path | None = None,
    batch_size: int = 64,
) -> Reference:
    """Read or compute the reference of a corpus in Speech Commands layout, on the evaluator's device.

    Recordings are read as they are, without dither, like the folders that are compared with them.

    Args:
        evaluator: predicts the digits.
        root: folder of the corpus; its lists, or the official hash rule, split it.
        labels: digits to keep.
        minimum_accuracy: share of test clips whose digit the evaluator must recognise.
        cache_dir: where references are cached; a folder of the user's cache by default.
        batch_size: clips at a time.

    Raises:
        InputError: the corpus cannot be used, or the evaluator recognises the digits of too few of its test clips.
    """
    splits: Mapping[str, list[Clip]] = list_splits(root, labels)
    held_out = [clip for clip in list_held_out(root) if clip.label in labels]
    clips = {**splits, "held-out": held_out} if held_out else splits
    fe = evaluator.front_end

    def hear(split: str) -> Predictions:
        read = clip_batches(root, clips[split], fe.sample_rate, fe.num_samples, batch_size, f"real {split}")
        return Predictions.joined(predict(evaluator, read))

    def compute() -> dict[str, Any]:
        test = hear("test")
        _check_accuracy(test, minimum_accuracy, root)  # before the larger part of the work
        return _plain(_summarise(hear("train"), test, hear("held-out") if held_out else None))

    identity = {
        "format": FORMAT,
        "evaluator": fingerprint(evaluator.state_dict()),
        "front_end": fe.settings,
        "clusters": importlib.util.find_spec("sklearn") is not None,
    }
    reference = compute_once(cache_dir, identity, root, clips, compute, _restore)
    _check_accuracy(reference.test, minimum_accuracy, root)
    moved: Reference = move_data_to_device(reference, measuring_device(evaluator))  # once for all rows
    return moved


def list_splits(root: Path, labels: Sequence[int]) -> dict[Split, list[Clip]]:
    """List clips of the training and the test split of the corpus at ``root`` whose digits are among ``labels``.

    Raises:
        InputError: a split has fewer than two.
    """
    clips = {split: [clip for clip in every if clip.label in labels] for split, every in list_clips(root).items()}
    for split in ("train", "test"):
        if len(clips[split]) < 2:
            raise InputError(
                f"expected at least 2 {split} clips of the digits {list(labels)} in {str(root)!r}, "
                f"found {len(clips[split])}: give another reference or other labels"
            )
    return {"train": clips["train"], "test": clips["test"]}


def _accuracy(test: Predictions) -> float:
    return float((test.log_probs.argmax(dim=1) == test.y).double().mean())


def _check_accuracy(test: Predictions, minimum: float, root: Path) -> None:
    accuracy = _accuracy(test)
    if accuracy < minimum:
        raise InputError(
            f"the evaluator recognises {accuracy:.1%} of the {len(test.y)} test clips of {str(root)!r}, it needs "
            f"{minimum:.1%}: train it on this corpus, or set minimum_accuracy lower"
        )


def _summarise(train: Predictions, test: Predictions, held_out: Predictions | None) -> Reference:
    moments = local_metric(FeatureMoments(train.features.shape[1]))
    for part in train.features.split(CHUNK):
        moments.update(part)
    bins, no_bins = None, ""
    try:
        bins = fit_bins(train.features)
    except (ValueError, ModuleNotFoundError) as error:
        no_bins = str(error)
    nearest = float(_nearest(test, train).mean())
    null = distances_without_itself(train.features) if held_out is None else _nearest(held_out, train)
    mean_probs = train.log_probs.double().softmax(dim=1).mean(dim=0)
    return Reference(train, test, moments.compute(), mean_probs, bins, no_bins, nearest, tuple(null.tolist()))


def _nearest(seen: Predictions, train: Predictions) -> Tensor:
    return torch.cat([nearest_distances(part, train.features) for part in seen.features.split(CHUNK)])


def _plain(reference: Reference) -> dict[str, Any]:
    """Turn the reference into tensors and plain values, for a file."""
    stored = reference._asdict()
    for name in _NESTED:
        stored[name] = None if stored[name] is None else stored[name]._asdict()
    return stored


def _restore(stored: dict[str, Any]) -> Reference:
    for name, kind in _NESTED.items():
        stored[name] = None if stored[name] is None else kind(**stored[name])
    return Reference(**stored)
