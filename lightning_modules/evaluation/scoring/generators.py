"""Scores the samples of a generator as one row, beside rows of real speech."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from datamodules.manifest import read_manifest
from lightning_modules.bases.generator import Generator
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.columns import FACTS
from lightning_modules.evaluation.scoring.external import FolderWaveforms
from lightning_modules.evaluation.scoring.folders import clip_batches, list_speech
from lightning_modules.evaluation.scoring.guide import GuideAccuracy
from lightning_modules.evaluation.scoring.row_facts import cost_facts, device_name, origin_facts, sampling_descriptions
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.scoring.scorer import Scorer
from lightning_modules.evaluator import EvaluatorModule
from lightning_modules.loading import load_evaluator
from lightning_modules.metrics import wilson_interval


def load_matching_evaluator(path: str, generator: Generator) -> EvaluatorModule:
    """Load the evaluator stored at ``path`` to the device of the generator whose samples it will score.

    Raises:
        InputError: it cannot be used, or needs clips of another rate or length than the generator makes.
    """
    evaluator = load_evaluator(path).to(generator.device)
    theirs, ours = evaluator.front_end, generator.front_end
    if (theirs.sample_rate, theirs.num_samples) != (ours.sample_rate, ours.num_samples):
        raise InputError(
            f"evaluator and generator must share rate and length, they have {theirs.sample_rate} Hz, "
            f"{theirs.num_samples} samples and {ours.sample_rate} Hz, {ours.num_samples}: train them on one corpus"
        )
    return evaluator


def generator_rows(
    scorer: Scorer,
    generator: Generator,
    name: str,
    folder: Path,
    count: int,
    facts: dict[str, Any],
    checkpoint: dict[str, Any],
) -> list[Row]:
    """Make the row of the first ``count`` samples in ``folder``, then rows of real speech and the floor.

    Args:
        scorer: scores the samples.
        generator: drew the samples.
        name: of the row.
        folder: holds WAVs and their manifest.
        count: number of samples, N.
        facts: of the row; this adds cost, origin and settings.
        checkpoint: of the generator.

    Raises:
        InputError: a sample cannot be read.
    """
    clips, fe, guide = list_speech(folder)[:count], generator.front_end, GuideAccuracy(generator)
    row = scorer.row(name, guide.count_hits(clip_batches(folder, clips, fe.sample_rate, fe.num_samples, name="scored")))
    figures, notes = guide.figures(row.figures.get("accuracy"))
    row.figures.update(figures)
    row.notes.extend(notes)
    scorer.add_external(row, FolderWaveforms(folder, count))
    guided = facts["guidance_scale"] > 0 and any(clip.label >= 0 for clip in clips)
    known = {
        **facts,
        **sampling_descriptions(generator),
        "kind": "model",
        "model": generator.title,
        **({} if guided else {"guidance_scale": 0.0, "guidance": None}),
        "seconds_per_sample": _seconds(folder, count),
        "device": device_name(generator.device),
        **cost_facts(generator, guided),
        **origin_facts(checkpoint),
        **scorer.facts,
    }
    row.figures.update(zero_shot_figures(row.confusion, known["training_labels"]))
    row.facts.update({name: value for name, value in known.items() if name in FACTS})
    return [row, *scorer.anchors(), *scorer.floor([len(clips)])]


def _seconds(folder: Path, count: int) -> float:
    """Compute the median time of a sample: the first batch, which prepares kernels and memory, counts like others."""
    return median(float(entry.cells["seconds"]) for entry in read_manifest(folder)[:count])


def zero_shot_figures(confusion: list[list[int]] | None, seen: Sequence[int] | None) -> dict[str, float]:
    """Count accuracy over digits that were seen and unseen in training, with 95 % intervals.

    Guidance alone reaches unseen digits, so they are reported apart. There is nothing to report where no clip was to be
    one.

    Args:
        confusion: counts of clips, rows intended and columns recognised.
        seen: digits that the generative part was trained on; its classifier may know more. None if not known.
    """
    if confusion is None or seen is None:
        return {}
    figures: dict[str, float] = {}
    digits = range(len(confusion))
    unseen = [digit for digit in digits if digit not in seen]
    if not sum(sum(confusion[digit]) for digit in unseen):
        return {}
    for name, group in (("accuracy_seen", [digit for digit in digits if digit in seen]), ("accuracy_unseen", unseen)):
        count = sum(sum(confusion[digit]) for digit in group)
        if count:
            interval = wilson_interval(sum(confusion[digit][digit] for digit in group), count)
            figures |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return figures
