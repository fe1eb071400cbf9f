"""Measures FID, accuracy and other figures of samples while a generator trains."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer

from callbacks.clock import Clock
from callbacks.on_first import on_first
from callbacks.sample_folder import draw_samples, spread_requests
from callbacks.sample_scoring import SampleScoring
from datamodules.sample_requests import BatchSize, check_batch_size, check_seeds
from lightning_modules.diffusion import Sampling
from lightning_modules.errors import InputError
from lightning_modules.ranges import AT_LEAST_ZERO, STEPS, check_ranges
from lightning_modules.tracking.media import log_confusion


class GenerationMetrics(Clock, SampleScoring):
    """Draws samples every few epochs or steps, scores them with an evaluator, and logs ``generation/fid`` and more.

    It does so whenever its time has come, whether or not the Trainer validates then. All processes share the drawing
    and scoring, and reduce what they measure; the averaged weights draw where :class:`EMA` is set. Figures of few
    samples are for watching a run: its table comes from ``scoretap test``.

    Args:
        evaluator: checkpoint of an evaluator, trained on clean recordings of the same language, never the guide.
        every_n_epochs: epochs between measurements.
        count: number of samples, N, over all processes.
        labels: digits to ask for in turn; by default all that the classifier knows, and none at guidance scale 0.
        batch_size: samples that a process draws at once; ``auto`` chooses when it first draws, the largest power of
            two that fits on a CUDA device, and on a CPU what is fastest of a few.
        seed: of the first sample; the next has the next.
        guidance_scale: null takes the run's own.
        num_steps: sampler steps; null takes the run's own.
        reference: corpus of real speech that distances refer to; by default the one that the run trains on.
        minimum_accuracy: share of the reference's test clips whose digit the evaluator must recognise.
        cache_dir: folder where references are kept; by default one in the user's cache folder.
        every_n_steps: optimizer steps between measurements; takes the place of ``every_n_epochs``.

    Raises:
        InputError: a setting is out of range.
    """

    def __init__(
        self,
        evaluator: str,
        every_n_epochs: int | None = 10,
        count: int = 256,
        labels: list[int] | None = None,
        batch_size: BatchSize = 32,
        seed: int = 0,
        guidance_scale: float | None = None,
        num_steps: int | None = None,
        reference: str | None = None,
        minimum_accuracy: float = 0.9,
        cache_dir: str | None = None,
        every_n_steps: int | None = None,
    ) -> None:
        Clock.__init__(self, every_n_epochs, every_n_steps)
        SampleScoring.__init__(self, evaluator, labels, reference, minimum_accuracy, cache_dir)
        check_ranges(
            "GenerationMetrics",
            count=(count, "[2, 10000000]"),
            guidance_scale=(guidance_scale, AT_LEAST_ZERO),
            num_steps=(num_steps, STEPS),
        )
        check_seeds(seed, count)
        check_batch_size(batch_size, "batch_size of GenerationMetrics")
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.guidance_scale, self.num_steps = guidance_scale, num_steps

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse here whatever can be refused; only the first process scores real speech."""
        if stage != "fit" or self._scorer is not None:
            return
        from lightning_modules.bases.generator import Generator

        if not isinstance(pl_module, Generator):
            raise InputError(f"GenerationMetrics draws samples from a generator, this is a {type(pl_module).__name__}")
        sampling = self._sampling(pl_module)
        pl_module.check_guidance(self.labels_to_draw(pl_module, sampling), sampling)
        on_first(trainer, lambda: self._open(trainer, pl_module))
        if self._scorer is None:
            self._open(trainer, pl_module)  # reads what the first process cached

    def _open(self, trainer: Trainer, generator: Any) -> None:
        scorer = self.open_scorer(trainer, generator)
        scorer.evaluator.to(trainer.strategy.root_device)
        _ = scorer.reference  # computed or read
        self._scorer = scorer

    def _sampling(self, generator: Any) -> Sampling:
        own = generator.sampling
        scale = own.guidance_scale if self.guidance_scale is None else self.guidance_scale
        scale = scale if generator.guided_labels() else 0.0
        return own.replace(guidance_scale=scale, num_steps=self.num_steps or own.num_steps)

    def on_time(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert self._scorer is not None  # `setup` made it
        measures = self._measure(trainer, pl_module)
        figures, tables = {}, []
        for measure in measures:  # on all processes: figures are reduced over them
            figures.update(measure.compute()[0])
            tables.append(measure.confusion())
        named = {f"generation/{name}": value for name, value in figures.items()}
        self.log_figures(trainer, pl_module, named)
        confusion = next((table for table in tables if table is not None), None)
        folder = self.folder(trainer)
        if trainer.is_global_zero and confusion is not None:
            log_confusion(trainer, "generation/confusion", confusion, folder / "confusion.png")

    @torch.no_grad()
    def _measure(self, trainer: Trainer, generator: Any) -> list[Any]:
        """Measure the samples of this process; measures are reduced where they compute."""
        from lightning_modules.evaluation.scoring.measures import Predictions
        from lightning_modules.evaluation.scoring.predictions import full_precision, measuring_device, predict_batch

        evaluator, sampling = self._scorer.evaluator, self._sampling(generator)
        requests = spread_requests(self.labels_to_draw(generator, sampling), self.count, self.seed)
        own = list(range(trainer.global_rank, self.count, trainer.world_size))
        measures = self._scorer.measures()
        for measure in measures:
            measure.to(measuring_device(evaluator))
        if self.batch_size == "auto":
            self.batch_size = generator.fitting_batch_size(requests.y, -(-self.count // trainer.world_size), sampling)
        for start in range(0, len(own), self.batch_size):
            batch = requests.__getitems__(own[start : start + self.batch_size])
            drawn = draw_samples(trainer, generator, batch.y, batch.seed.tolist(), sampling)
            parts = zip(*(column.split(64) for column in (drawn.waveform, batch.y, batch.index)), strict=True)
            with full_precision():
                predicted = [predict_batch(evaluator, *part) for part in parts]  # 64 at a time bound its memory too
            seen = Predictions(*(torch.cat(column) for column in zip(*predicted, strict=True)))
            for measure in measures:
                measure.update(seen)
        return measures
