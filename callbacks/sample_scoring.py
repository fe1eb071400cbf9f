"""The base of callbacks that draw samples and score them with an evaluator."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer

from datamodules.subsets import check_labels
from lightning_modules.audio import Vocoder
from lightning_modules.diffusion import Sampling


class SampleScoring(Callback):
    """Holds the settings of scoring that callbacks share and explain, and makes a scorer of them.

    Raises:
        InputError: a label is no digit.
    """

    def __init__(
        self,
        evaluator: str | None,
        labels: list[int] | None,
        reference: str | None,
        minimum_accuracy: float,
        cache_dir: str | None,
        external: list[str] | None = None,
    ) -> None:
        if labels:
            check_labels(labels)
        self.evaluator, self.labels, self.reference = evaluator, labels, reference
        self.minimum_accuracy, self.cache_dir, self.external = minimum_accuracy, cache_dir, external or []
        self._scorer: Any = None

    def labels_to_draw(self, generator: Any, sampling: Sampling | None = None) -> list[int]:
        """Choose the digits to ask ``generator`` for in turn; an empty list asks for samples without a digit.

        The generator's own settings of drawing decide unless ``sampling`` is given.
        """
        if self.labels is not None:
            return self.labels
        labels: list[int] = generator.labels_to_ask(sampling)
        return labels

    def open_scorer(self, trainer: Trainer, generator: Any, vocoder: Vocoder | None = None) -> Any:
        """Make the scorer of the samples of ``generator``, on its device.

        Test clips go through a ``vocoder`` as anchors where one is given.

        Raises:
            InputError: the evaluator cannot be used.
        """
        from lightning_modules.evaluation.scoring.generators import load_matching_evaluator
        from lightning_modules.evaluation.scoring.scorer import Scorer

        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        corpus = Path(self.reference).expanduser() if self.reference else datamodule.prepare_corpus()
        assert self.evaluator is not None
        evaluator = load_matching_evaluator(self.evaluator, generator)
        labels = self.labels or generator.guided_labels() or datamodule.labels
        cache_dir = Path(self.cache_dir).expanduser() if self.cache_dir else None
        return Scorer(evaluator, corpus, labels, self.minimum_accuracy, cache_dir, vocoder, self.external)
