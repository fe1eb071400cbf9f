"""FID, accuracy and their kind while a generator trains, judged by an evaluator on every process."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.on_first import on_first
from callbacks.run_folder import run_folder
from callbacks.sample_folder import spread_requests
from datamodules.sample_requests import SEED_LIMIT, BatchSize, check_batch_size
from datamodules.subsets import check_labels
from lightning_modules.errors import InputError
from lightning_modules.tracking.media import log_confusion


class GenerationMetrics(Callback):
    """Draws samples every few epochs, lets an evaluator judge them, and logs ``generation/fid``, accuracy and more.

    Drawing and judging are shared by all processes, which reduce what they measure; the averaged weights draw where
    :class:`EMA` is set. Figures of few samples are for watching a run: its table comes from ``scoretap test``.

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
        minimum_accuracy: share of the reference's test clips that the evaluator must hear right.
        cache_dir: folder where references are kept; by default one in the user's cache folder.

    Raises:
        InputError: a setting is out of range.
    """

    def __init__(
        self,
        evaluator: str,
        every_n_epochs: int = 10,
        count: int = 256,
        labels: list[int] | None = None,
        batch_size: BatchSize = 32,
        seed: int = 0,
        guidance_scale: float | None = None,
        num_steps: int | None = None,
        reference: str | None = None,
        minimum_accuracy: float = 0.9,
        cache_dir: str | None = None,
    ) -> None:
        if every_n_epochs < 1 or count < 2 or not 0 <= seed <= SEED_LIMIT - count:
            raise InputError(
                "GenerationMetrics expects every_n_epochs of at least 1, a count of at least 2 and seeds from 0 to "
                f"2^63 - 1, got {every_n_epochs}, {count} and {seed}"
            )
        check_batch_size(batch_size, "batch_size of GenerationMetrics")
        if labels:
            check_labels(labels)
        self.evaluator, self.every_n_epochs, self.count, self.labels = evaluator, every_n_epochs, count, labels
        self.batch_size, self.seed = batch_size, seed
        self.guidance_scale, self.num_steps = guidance_scale, num_steps
        self.reference, self.minimum_accuracy, self.cache_dir = reference, minimum_accuracy, cache_dir
        self._judge: Any = None
        self._real: Any = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Everything that can be refused is refused here; real speech is judged once, by the first process."""
        if stage != "fit" or self._real is not None:
            return
        from lightning_modules.bases.generator import Generator

        if not isinstance(pl_module, Generator):
            raise InputError(f"GenerationMetrics draws samples from a generator, this is a {type(pl_module).__name__}")
        pl_module.check_guidance(self._asked(pl_module), self._sampling(pl_module))
        on_first(trainer, lambda: self._open(trainer, pl_module))
        if self._real is None:
            self._open(trainer, pl_module)  # what the first process kept

    def _open(self, trainer: Trainer, generator: Any) -> None:
        from lightning_modules.evaluation.scoring.generators import load_judge
        from lightning_modules.evaluation.scoring.judging import full_precision
        from lightning_modules.evaluation.scoring.references import load_reference

        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        root = Path(self.reference).expanduser() if self.reference else datamodule.prepare_corpus()
        judge = load_judge(self.evaluator, generator).to(trainer.strategy.root_device)
        labels = self.labels or generator.guided_labels() or datamodule.labels
        cache_dir = Path(self.cache_dir).expanduser() if self.cache_dir else None
        with full_precision():
            self._real = load_reference(judge, root, labels, self.minimum_accuracy, cache_dir)
        self._judge = judge

    def _sampling(self, generator: Any) -> Any:
        own = generator.sampling
        scale = own.guidance_scale if self.guidance_scale is None else self.guidance_scale
        scale = scale if generator.guided_labels() else 0.0
        return own.replace(guidance_scale=scale, num_steps=self.num_steps or own.num_steps)

    def _asked(self, generator: Any) -> list[int]:
        if self.labels is not None:
            return self.labels
        return generator.guided_labels() if self._sampling(generator).guidance_scale > 0 else []

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._real is None or trainer.sanity_checking or (trainer.current_epoch + 1) % self.every_n_epochs:
            return
        measures = self._measure(trainer, pl_module)
        figures, tables = {}, []
        for measure in measures:  # on all processes: figures are reduced over them
            figures.update(measure.compute()[0])
            tables.append(measure.confusion())
        pl_module.log_dict({f"generation/{name}": torch.tensor(value) for name, value in figures.items()})
        confusion = next((table for table in tables if table is not None), None)
        folder = run_folder(trainer) / "samples" / f"epoch={trainer.current_epoch}"
        if trainer.is_global_zero and confusion is not None:
            log_confusion(trainer, "generation/confusion", confusion, folder / "confusion.png")

    @torch.no_grad()
    def _measure(self, trainer: Trainer, generator: Any) -> list[Any]:
        """Measures of the samples of this process; they are reduced where they compute."""
        from lightning_modules.evaluation.scoring.anchors import measures_for
        from lightning_modules.evaluation.scoring.judging import feature_width, full_precision, measuring_device
        from lightning_modules.evaluation.scoring.measures import Predictions

        requests = spread_requests(self._asked(generator), self.count, self.seed)
        own = list(range(trainer.global_rank, self.count, trainer.world_size))
        device, sampling = measuring_device(self._judge), self._sampling(generator)
        measures = measures_for(feature_width(self._judge), self._real)
        for measure in measures:
            measure.to(device)
        if self.batch_size == "auto":
            self.batch_size = generator.fitting_batch_size(requests.y, -(-self.count // trainer.world_size), sampling)
        for start in range(0, len(own), self.batch_size):
            batch = requests.__getitems__(own[start : start + self.batch_size])
            with trainer.precision_plugin.forward_context():
                drawn = generator.draw(batch.y.to(generator.device), batch.seed.tolist(), sampling)
            with full_precision():
                heard = [self._judge(part) for part in drawn.waveform.split(64)]  # its memory is bounded too
            log_probs, features = (torch.cat(column) for column in zip(*heard, strict=True))
            seen = Predictions(
                *(part.to(device) for part in (log_probs.float(), features.float(), batch.y, batch.index))
            )
            for measure in measures:
                measure.update(seen)
        return measures
