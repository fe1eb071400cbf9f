"""From samples of a generator to its row, beside rows of real speech."""

import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from lightning_modules.checkpoints import fingerprint
from lightning_modules.errors import InputError
from lightning_modules.generator import Generator
from lightning_modules.scoring.anchors import floor_rows, measures_for, real_rows
from lightning_modules.scoring.facts import cost_facts, device_name, origin_facts
from lightning_modules.scoring.folders import clip_batches, list_speech
from lightning_modules.scoring.guide import Guide
from lightning_modules.scoring.judging import feature_width, load_evaluator, measure, predictions
from lightning_modules.scoring.references import load_reference
from lightning_modules.scoring.rows import FACTS, Scores


class GeneratorJudging:
    """An evaluator and the real speech that a generator's samples are compared with; opened before they are drawn.

    Args:
        evaluator: its checkpoint.
        root: corpus of real speech.
        labels: digits of the corpus to keep.
        minimum_accuracy: share of its test clips that the evaluator must hear right.
        cache_dir: where references are kept; None for the user's cache.
        generator: the evaluator goes where it is.

    Raises:
        InputError: the evaluator or the corpus cannot be used.
    """

    def __init__(
        self,
        evaluator: str,
        root: Path,
        labels: Sequence[int],
        minimum_accuracy: float,
        cache_dir: Path | None,
        generator: Generator,
    ) -> None:
        self.judge = load_evaluator(evaluator).to(generator.device)
        theirs, ours = self.judge.front_end, generator.front_end
        if (theirs.sample_rate, theirs.num_samples) != (ours.sample_rate, ours.num_samples):
            raise InputError(
                f"evaluator and generator must share rate and length, they have {theirs.sample_rate} Hz, "
                f"{theirs.num_samples} samples and {ours.sample_rate} Hz, {ours.num_samples}: train them on one corpus"
            )
        self.root, self.labels = root, list(labels)
        with _full_precision():
            self.real = load_reference(self.judge, root, labels, minimum_accuracy, cache_dir)

    def rows(
        self,
        generator: Generator,
        name: str,
        folder: Path,
        count: int,
        facts: dict[str, Any],
        checkpoint: dict[str, Any],
    ) -> list[Scores]:
        """The row of the first ``count`` samples in ``folder``, then rows of real speech and the floor.

        Args:
            generator: drew the samples.
            name: of the row.
            folder: holds WAVs and their manifest.
            count: number of samples, N.
            facts: of the row; what is known here is added.
            checkpoint: the generator's.

        Raises:
            InputError: a sample cannot be read.
        """
        judge, real, guide = self.judge, self.real, Guide(generator)
        identity = fingerprint(judge.state_dict())
        accuracy = float((real.test.log_probs.argmax(dim=1) == real.test.y).double().mean())
        shared = {"corpus": self.root.resolve().name, "labels": self.labels, "evaluator_accuracy": accuracy}
        clips = list_speech(folder)[:count]
        fe = judge.front_end
        batches = guide.listen(clip_batches(folder, clips, fe.sample_rate, fe.num_samples, name="judged"))
        with _full_precision():
            measures = measures_for(feature_width(judge), real)
            row = measure(name, predictions(judge, batches), measures, identity, len(real.train.y))
        figures, notes = guide.figures(row.figures.get("accuracy"))
        guided = facts["guidance_scale"] > 0 and any(clip.label >= 0 for clip in clips)
        known = {
            **facts,
            **shared,
            "kind": "model",
            "model": generator.title,
            "guidance_scale": facts["guidance_scale"] if guided else 0.0,
            "seconds_per_sample": _seconds(folder, count),
            "device": device_name(generator.device),
            **cost_facts(generator, guided),
            **origin_facts(checkpoint),
        }
        row.figures.update(figures)
        row.notes.extend(notes)
        row.facts.update({name: value for name, value in known.items() if name in FACTS})
        others = real_rows(real, identity) + floor_rows(real, identity, [len(clips)])
        for other in others:
            other.facts.update(shared)
        return [row, *others]


def _seconds(folder: Path, count: int) -> float | None:
    """Median time of a sample: the first batch, which prepares kernels and memory, does not count more than others."""
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        return median(float(row["seconds"]) for row in list(csv.DictReader(file))[:count])


def _full_precision() -> Any:
    """TF32 keeps 10 bits of a feature."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
