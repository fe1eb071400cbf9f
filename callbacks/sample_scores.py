"""Draws and scores samples in `scoretap test`, for a row of the paper's Table 1."""

import hashlib
import json
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from callbacks.on_first import on_first
from callbacks.run_folder import checkpoint_folder
from callbacks.sample_folder import SampleFolder, spread_requests
from callbacks.sample_scoring import SampleScoring
from datamodules.manifest import read_manifest
from datamodules.sample_requests import SEED_LIMIT, BatchSize, check_batch_size
from lightning_modules.errors import InputError
from lightning_modules.labels import format_label
from lightning_modules.locks import hold, release
from lightning_modules.tracking.media import log_scores


class SampleScores(SampleScoring):
    """Draws samples when a generator is tested, scores them with an evaluator, and writes ``scores.json``.

    Samples are spread over all processes; those that lie in the folder from an interrupted or smaller run of the same
    weights and settings are not drawn again. The first row of the file is the model's, rows of real speech follow.
    Without an evaluator nothing is drawn.

    Args:
        evaluator: checkpoint or name of an evaluator, trained on clean recordings of that language, never the guide.
        count: number of samples, N; the benchmark takes 2,048.
        labels: digits to ask for in turn; by default all that guidance knows, and none at guidance scale 0. An
            empty list asks for none.
        seed: of the first sample; the next has the next.
        batch_size: samples that a process draws at once; ``auto`` takes the largest power of two that fits on a CUDA
            device, and on a CPU what is fastest of a few.
        name: of the row; by default the model's and the guidance scale.
        folder: where samples and scores go; by default a folder of these settings in ``test`` beside the checkpoints.
        reference: corpus of real speech that distances refer to; by default the one that the checkpoint was trained on.
        minimum_accuracy: share of the reference's test clips whose digit the evaluator must recognise.
        cache_dir: folder where references are kept; by default one in the user's cache folder.
        external: external metrics, of [fad, scoreq, distillmos, dnsmos, resemblyzer, pocketsphinx], none by default;
            one that is not installed is a note.

    Raises:
        InputError: a setting is out of range.
    """

    def __init__(
        self,
        evaluator: str | None = None,
        count: int = 2048,
        labels: list[int] | None = None,
        seed: int = 0,
        batch_size: BatchSize = 64,
        name: str | None = None,
        folder: str | None = None,
        reference: str | None = None,
        minimum_accuracy: float = 0.9,
        cache_dir: str | None = None,
        external: list[str] | None = None,
    ) -> None:
        if count < 2 or not 0 <= seed <= SEED_LIMIT - count:
            raise InputError(
                f"expected a count of at least 2 and seeds from 0 to 2^63 - 1, got {count}, from seed {seed}: correct "
                "--scoring"
            )
        check_batch_size(batch_size, "--scoring.batch_size")
        if not 0.0 <= minimum_accuracy <= 1.0:
            raise InputError(f"expected minimum_accuracy from 0 to 1, got {minimum_accuracy}: correct --scoring")
        super().__init__(evaluator, labels, reference, minimum_accuracy, cache_dir, external)
        self.count, self.seed, self.batch_size, self.name, self.folder = count, seed, batch_size, name, folder
        self._origin: dict[str, Any] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse here, before the test begins, whatever can be refused."""
        if self.evaluator is None or stage != "test":
            return
        from lightning_modules.bases.generator import Generator
        from lightning_modules.evaluation.scoring.external import check_external

        check_external(self.external, True)
        if not isinstance(pl_module, Generator):
            raise InputError(
                f"scoring draws samples from a generator, got a checkpoint of {type(pl_module).__name__}: "
                "leave out --scoring.evaluator"
            )
        pl_module.check_guidance(self.labels_to_draw(pl_module), pl_module.sampling)
        if self.folder is not None:
            on_first(trainer, lambda: self._lock(Path(str(self.folder))))
        self._scorer = on_first(trainer, lambda: self._open(trainer, pl_module))

    def _open(self, trainer: Trainer, generator: Any) -> Any:
        scorer = self.open_scorer(trainer, generator, generator.vocoder)
        scorer.prepare()
        return scorer

    def _lock(self, folder: Path) -> None:
        hold(folder, otherwise="give another --scoring.folder")

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the facts of the bytes that draw: the run that wrote them may go on and write others."""
        from lightning_modules.evaluation.scoring.row_facts import ORIGIN

        self._origin = {name: checkpoint[name] for name in ORIGIN if name in checkpoint}

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.evaluator is not None:  # weights are those of the checkpoint now, by which the folder is named
            on_first(trainer, lambda: self._lock(self._samples(trainer, pl_module).path))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.evaluator is None:
            return
        samples, labels = self._samples(trainer, pl_module), self.labels_to_draw(pl_module)
        requests = spread_requests(labels, self.count, self.seed)
        on_first(trainer, samples.open)
        size = self.batch_size
        if size == "auto":
            size = pl_module.fitting_batch_size(requests.y, -(-self.count // trainer.world_size))
        samples.draw(trainer, pl_module, requests, size)
        on_first(trainer, lambda: self._score(trainer, pl_module, samples))
        if trainer.is_global_zero:
            release(samples.path)

    def _samples(self, trainer: Trainer, generator: Any) -> SampleFolder:
        from lightning_modules.evaluation.scoring.row_facts import sampling_settings

        settings = {**sampling_settings(generator), "precision": trainer.precision}
        settings |= {"labels": self.labels_to_draw(generator), "seed": self.seed}
        if self.folder is not None:
            return SampleFolder(Path(self.folder), settings)
        return SampleFolder(checkpoint_folder(trainer) / "test" / folder_name(settings), settings)

    def _score(self, trainer: Trainer, generator: Any, samples: SampleFolder) -> None:
        from lightning_modules.evaluation.scoring.generators import generator_rows
        from lightning_modules.evaluation.scoring.output import format_table, write_scores

        scale = generator.sampling.guidance_scale if self.labels_to_draw(generator) else 0.0
        learned = scale == 0 == generator.default_sampling.guidance_scale  # a student's title says its teacher's γ
        name = self.name or (generator.title if learned else f"{generator.title}, γ = {scale:g}")
        facts = {**samples.settings, "peak_memory_gb": samples.peak_memory_gb()}
        if "test/loss" in trainer.callback_metrics:
            facts["test_loss"] = float(trainer.callback_metrics["test/loss"])
        rows = generator_rows(self._scorer, generator, name, samples.path, self.count, facts, self._origin)
        write_scores(samples.path / "scores.json", rows)
        log_scores(trainer, rows, samples.path, self._listen(samples.path))
        print(f"{format_table(rows)}\n\n{samples.path / 'scores.json'}")

    def _listen(self, folder: Path, count: int = 20) -> list[tuple[Any, ...]]:
        """List digit, seed, guidance scale and WAV of the first samples."""
        entries = read_manifest(folder)[: min(count, self.count)]
        return [(format_label(e.label), e.cells["seed"], e.guidance_scale, folder / e.file) for e in entries]


def folder_name(settings: dict[str, Any]) -> str:
    """Name a folder for samples of ``settings``, another for others."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    sampler = settings["sampler"].partition("(")[0]
    return f"guidance={settings['guidance_scale']:g}-{sampler}-{settings['num_steps']}-{digest}"
