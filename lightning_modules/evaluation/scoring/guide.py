"""What the guide itself makes of generated speech: no evidence of quality, but a warning when it is alone."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from lightning_modules.bases.generator import Generator
from lightning_modules.evaluation.scoring.columns import LARGEST_GAP


class Guide:
    """The guiding classifier as a listener: at the lowest noise level, to the same clips as the evaluator.

    Args:
        generator: has the classifier.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.hits, self.asked = 0, 0

    @torch.no_grad()
    def listen(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Pass waveforms ``(B, N)`` and digits ``(B,)`` on, and count what the guide hears right."""
        free, device = self.generator.is_classifier_free(), self.generator.device
        classifier = None if free else self.generator.classifier  # without it there is no guide to be deceived
        for waveform, y in batches:
            asked = y >= 0
            if classifier is not None and bool(asked.any()):
                x_0 = self.generator.front_end.to(device)(waveform[asked].to(device))
                t = torch.full((len(x_0),), self.generator.sde.t_min, device=device)
                heard = classifier.network(*classifier.scaling(x_0, t)).argmax(dim=1).cpu()
                self.hits += int((heard == y[asked]).sum())
                self.asked += len(heard)
            yield waveform, y

    def figures(self, accuracy: float | None) -> tuple[dict[str, float], list[str]]:
        """``guide_accuracy``, and a note where it is far above the evaluator's ``accuracy``."""
        if not self.asked or accuracy is None:
            return {}, []
        own = self.hits / self.asked
        notes = []
        if own - accuracy > LARGEST_GAP:
            notes.append(
                f"guide_accuracy: the guide hears {own:.1%} right, the evaluator {accuracy:.1%}: guidance finds "
                "patterns that only the guide takes for digits"
            )
        return {"guide_accuracy": own}, notes
