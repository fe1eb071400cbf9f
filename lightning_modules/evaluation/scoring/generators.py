"""Scores the samples of a generator as one row, beside rows of real speech."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from datamodules.manifest import read_manifest
from lightning_modules.bases.generator import Generator
from lightning_modules.evaluation.scoring.columns import FACTS, LARGEST_GAP
from lightning_modules.evaluation.scoring.external import FolderWaveforms
from lightning_modules.evaluation.scoring.folders import clip_batches, list_speech
from lightning_modules.evaluation.scoring.predictions import check_clips
from lightning_modules.evaluation.scoring.row_facts import cost_facts, device_name, origin_facts, sampling_descriptions
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.scoring.scorer import Scorer
from lightning_modules.evaluator import EvaluatorModule
from lightning_modules.loading import load_evaluator
from lightning_modules.metrics import wilson_interval
from lightning_modules.ranges import parse_number


def load_matching_evaluator(path: str, generator: Generator) -> EvaluatorModule:
    """Load the evaluator stored at ``path`` to the device of the generator whose samples it will score.

    Raises:
        InputError: it cannot be used, or needs clips of another rate or length than the generator makes.
    """
    evaluator = load_evaluator(path).to(generator.device)
    check_clips(evaluator, generator.front_end, "the generator makes")
    return evaluator


class GuideAccuracy:
    """Counts the clips whose digit the guide, the generator's classifier, recognises at the lowest noise level."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.hits, self.clips = 0, 0

    @torch.no_grad()
    def count_hits(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Pass waveforms ``(B, N)`` and digits ``(B,)`` on, and count those that the guide recognises."""
        free, device = self.generator.is_classifier_free(), self.generator.device
        classifier = None if free else self.generator.classifier  # without it there is no guide to be deceived
        for waveform, y in batches:
            intended = y >= 0
            if classifier is not None and bool(intended.any()):
                x_0 = self.generator.front_end.to(device)(waveform[intended].to(device))
                t = torch.full((len(x_0),), self.generator.sde.t_min, device=device)
                recognised = classifier.network(*classifier.scaling(x_0, t)).argmax(dim=1).cpu()
                self.hits += int((recognised == y[intended]).sum())
                self.clips += len(recognised)
            yield waveform, y

    def figures(self, accuracy: float | None) -> tuple[dict[str, float], list[str]]:
        """Compute ``guide_accuracy``, and a note where it is far above the evaluator's ``accuracy``."""
        if not self.clips or accuracy is None:
            return {}, []
        own = self.hits / self.clips
        notes = []
        if own - accuracy > LARGEST_GAP:
            notes.append(
                f"guide_accuracy: the guide hears {own:.1%} right, the evaluator {accuracy:.1%}: guidance finds "
                "patterns that only the guide takes for digits"
            )
        return {"guide_accuracy": own}, notes


def generator_rows(
    scorer: Scorer,
    generator: Generator,
    name: str,
    folder: Path,
    count: int,
    facts: dict[str, Any],
    checkpoint: dict[str, Any],
) -> list[Row]:
    """Make the row of the first ``count`` samples that ``generator`` drew, then rows of real speech and the floor.

    The folder holds WAVs and their manifest. To ``facts`` this adds cost, settings, and origin, by the ``checkpoint``.
    """
    clips, fe, guide = list_speech(folder)[:count], generator.front_end, GuideAccuracy(generator)
    row = scorer.row(name, guide.count_hits(clip_batches(folder, clips, fe.sample_rate, fe.num_samples, name="scored")))
    row.add(*guide.figures(row.figures.get("accuracy")))
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
    return median(parse_number(entry.cells["seconds"]) for entry in read_manifest(folder)[:count])


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
    counts, hits = torch.tensor(confusion).sum(dim=1), torch.tensor(confusion).diagonal()
    known = torch.tensor([digit in seen for digit in range(len(confusion))])
    if counts[~known].any():
        for name, group in (("accuracy_seen", known), ("accuracy_unseen", ~known)):
            if count := int(counts[group].sum()):
                figures |= wilson_interval(int(hits[group].sum()), count).figures(name)
    return figures
