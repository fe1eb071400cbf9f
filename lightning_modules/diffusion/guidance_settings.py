"""The settings of guidance: what guides, how strongly, at which noise levels, and what it is asked about."""

from dataclasses import dataclass
from math import inf
from typing import Any, Literal

from lightning_modules.diffusion.guidance import ClassifierFreeGuidance, ClassifierGuidance, DenoisedGuidance, Guidance
from lightning_modules.diffusion.guidance_schedules import GuidanceSchedule
from lightning_modules.errors import InputError


@dataclass(frozen=True)
class GuidanceSettings:
    """One choice of guidance; :class:`~lightning_modules.diffusion.Sampling` explains each of its settings.

    Attributes:
        kind: what guides; None for the network's own labels where guidance alone tells it labels, else a classifier.
        scale: gamma, at least 0.
        schedule: share of gamma by noise level.
        at: what a classifier is asked about.

    Raises:
        ValueError: a setting is out of its range; the message calls it as the command line does.
    """

    kind: Literal["classifier", "classifier_free"] | None
    scale: float
    schedule: GuidanceSchedule
    at: Literal["noisy", "denoised"]

    def __post_init__(self) -> None:
        if not 0 <= self.scale < inf:
            raise ValueError(f"guidance_scale must be a finite number of at least 0, got {self.scale}")
        if self.at not in ("noisy", "denoised"):
            raise ValueError(f"guidance_at must be 'noisy' or 'denoised', got {self.at!r}")
        if self.kind not in ("classifier", "classifier_free", None):
            raise ValueError(f"guidance_by must be 'classifier', 'classifier_free' or null, got {self.kind!r}")

    def is_classifier_free(self, denoiser: Any) -> bool:
        """Whether ``denoiser`` would be guided by its own network rather than by a classifier."""
        if self.kind is None:
            return getattr(denoiser, "conditional", False) and not getattr(denoiser, "follows_labels", False)
        return self.kind == "classifier_free"

    def wrapper(self, denoiser: Any) -> type[Guidance]:
        """The class that guides ``denoiser``."""
        if self.is_classifier_free(denoiser):
            return ClassifierFreeGuidance
        return DenoisedGuidance if self.at == "denoised" else ClassifierGuidance

    def name(self, denoiser: Any = None) -> str:
        """Schedule and kind in short form, such as ``Interval(low=0.2, high=3.0, inside=Constant)``."""
        if self.is_classifier_free(denoiser):
            return f"{self.schedule} classifier-free"
        return str(self.schedule) + (" at denoised" if self.at == "denoised" else "")

    def check(self, labels: list[int], known: list[int], denoiser: Any) -> None:
        """Refuse labels, -1 for none, that ``denoiser`` cannot be guided to by what guides, which knows ``known``.

        Raises:
            InputError: there is nothing that guides as asked, or it was not trained on a label.
        """
        digits = sorted({label for label in labels if label >= 0})
        if not digits or (self.scale == 0 and not getattr(denoiser, "follows_labels", False)):
            return
        free = self.is_classifier_free(denoiser)
        if free and not known:
            raise InputError(
                "classifier-free guidance needs a network trained with labels and this one was not: leave out "
                "guidance_by, or train one with num_classes 10"
            )
        if free and self.at == "denoised":
            raise InputError(
                "guidance_at denoised asks a classifier, classifier-free guidance has none: leave it out, or set "
                "guidance_by classifier"
            )
        if not known:
            raise InputError(
                "guidance needs a classifier and this model has none: set guidance_scale 0 or train with one"
            )
        if unknown := [label for label in digits if label not in known]:
            raise InputError(
                f"cannot guide to digit {unknown[0]}: the {'network' if free else 'classifier'} was trained on {known}"
            )
