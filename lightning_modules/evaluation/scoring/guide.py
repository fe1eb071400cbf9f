"""Measures how often the guide recognises its own digits, which warns of guidance that fools only the guide."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from lightning_modules.bases.generator import Generator
from lightning_modules.evaluation.scoring.columns import LARGEST_GAP


class GuideAccuracy:
    """Counts the clips whose digit the guide recognises, at the lowest noise level.

    Args:
        generator: has the classifier.
    """

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
