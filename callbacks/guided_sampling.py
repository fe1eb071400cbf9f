"""Draws a few samples while a generator trains, to be seen and heard."""

from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from callbacks.clock import Clock
from callbacks.sample_folder import draw_samples
from datamodules.audio_files import write_wav
from datamodules.sample_requests import check_seeds
from lightning_modules.diffusion import Sampling
from lightning_modules.errors import InputError
from lightning_modules.ranges import AT_LEAST_ZERO, STEPS, check_ranges
from lightning_modules.tracking.media import log_audio, log_picture
from lightning_modules.tracking.pictures import save_mel_grid


class GuidedSampling(Clock):
    """Draws fixed labels and seeds every few epochs or steps, and gives a picture and WAVs to disk and loggers.

    It does so whenever its time has come, whether or not the Trainer validates then. All processes share the drawing,
    which uses the averaged weights where :class:`EMA` is set, and the Trainer's
    precision.

    Args:
        every_n_epochs: epochs between draws.
        labels: digits to draw; default all that guidance knows.
        guidance_scales: one row of the picture each.
        num_steps: sampler steps; null takes the run's own.
        seed: seed of the first label; the next has the next seed.
        every_n_steps: optimizer steps between draws; takes the place of ``every_n_epochs``.

    Raises:
        InputError: a setting is out of range.
    """

    def __init__(
        self,
        every_n_epochs: int | None = 10,
        labels: list[int] | None = None,
        guidance_scales: Sequence[float] = (0.0, 3.0),
        num_steps: int | None = None,
        seed: int = 0,
        every_n_steps: int | None = None,
    ) -> None:
        super().__init__(every_n_epochs, every_n_steps)
        if bad := [label for label in labels or [] if label not in range(10)]:
            raise InputError(f"labels must be digits 0 to 9, got {bad[0]}")
        check_ranges(
            "GuidedSampling",
            guidance_scales=(list(guidance_scales), AT_LEAST_ZERO),
            num_steps=(num_steps, STEPS),
        )
        check_seeds(seed, len(labels or range(10)))
        self.labels, self.num_steps, self.seed = labels, num_steps, seed
        self.guidance_scales = list(guidance_scales)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        from lightning_modules.bases.generator import Generator

        if not isinstance(pl_module, Generator):
            raise InputError(f"GuidedSampling draws samples from a generator, this is a {type(pl_module).__name__}")
        for scale in self.guidance_scales:  # before any work starts
            pl_module.check_guidance(self.labels or [], self._sampling(pl_module, scale))

    def on_time(self, trainer: Trainer, pl_module: LightningModule) -> None:
        folder = self.folder(trainer)
        labels = self.labels or pl_module.guided_labels() or list(range(10))
        rows = []
        for scale in dict.fromkeys(self._scale(pl_module, scale) for scale in self.guidance_scales):
            waveforms, x_0 = self._draw(trainer, pl_module, labels, scale)
            rows.append((f"γ = {scale:g}", x_0[:, 0]))
            if trainer.is_global_zero:
                self._write(trainer, folder / f"guidance={scale:g}", waveforms, labels, pl_module.front_end.sample_rate)
        if trainer.is_global_zero:
            picture = folder / "mels.png"
            save_mel_grid(picture, rows, [str(label) for label in labels], self.moment(trainer))
            log_picture(trainer, "samples/mels", picture)

    @staticmethod
    def _scale(pl_module: LightningModule, scale: float) -> float:
        return scale if pl_module.guided_labels() else 0.0

    def _sampling(self, pl_module: LightningModule, scale: float) -> Sampling:
        steps = self.num_steps or pl_module.sampling.num_steps
        return pl_module.sampling.replace(guidance_scale=self._scale(pl_module, scale), num_steps=steps)

    def _draw(
        self, trainer: Trainer, pl_module: LightningModule, labels: list[int], scale: float
    ) -> tuple[Tensor, Tensor]:
        """Draw all labels, each on one process, and give every process all waveforms ``(labels, N)`` and log-Mels."""
        share = -(-len(labels) // trainer.world_size)
        # The last process repeats labels where they run out, so that all shapes agree; repeats are cut off below.
        rows = [(trainer.global_rank * share + i) % len(labels) for i in range(share)]
        y, seeds = torch.tensor([labels[i] for i in rows]), [self.seed + i for i in rows]
        drawn = draw_samples(trainer, pl_module, y, seeds, self._sampling(pl_module, scale))
        if trainer.world_size == 1:
            return drawn.waveform, drawn.x_0
        gathered = [trainer.strategy.all_gather(part.contiguous()).flatten(0, 1)[: len(labels)] for part in drawn[:2]]
        return gathered[0], gathered[1]

    @staticmethod
    def _write(trainer: Trainer, folder: Path, waveforms: Tensor, labels: list[int], sample_rate: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for label, waveform in zip(labels, waveforms, strict=True):
            write_wav(folder / f"{label}.wav", waveform, sample_rate)
        log_audio(trainer, f"samples/{folder.name}", waveforms, [f"digit {label}" for label in labels], sample_rate)
