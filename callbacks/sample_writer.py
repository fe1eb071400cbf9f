"""Writes the samples that `predict` draws."""

import time
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from callbacks.sample_folder import SampleFolder
from datamodules.manifest import earlier_manifests, remove_samples
from lightning_modules.errors import InputError


class SampleWriter(Callback):
    """Writes every predicted sample as a WAV file and lists all of them in ``manifest.csv``.

    Manifest columns: file, label (empty for none), seed, guidance_scale, guidance (its schedule), num_steps, sampler,
    nfe, seconds that the sample took (its share of the batch, vocoder included), and the SHA-256 of the model's
    tensors. While samples are drawn, each process keeps its rows in ``.manifest.rank<n>.csv``: a run that is killed
    leaves them there, and no manifest.

    Args:
        folder: where to write; created if missing.
        overwrite: whether samples that the folder already holds, as its manifest names them, may be removed first.
    """

    def __init__(self, folder: str = "samples", overwrite: bool = False) -> None:
        self.folder, self.overwrite = Path(folder), overwrite
        self._samples = SampleFolder(self.folder)
        self._start = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "predict" and earlier_manifests(self.folder) and not self.overwrite:
            raise InputError(
                f"{str(self.folder)!r} already holds samples: give another --sample_writer.folder, "
                "or --sample_writer.overwrite true"
            )

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if trainer.is_global_zero:
            remove_samples(self.folder)
        trainer.strategy.barrier("sample_writer_cleared")
        self._samples.begin(trainer, pl_module)

    def on_predict_batch_start(self, *args: Any, **kwargs: Any) -> None:
        self._start = time.perf_counter()

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        self._samples.write(outputs, batch, self._start)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        count = self._samples.finish(trainer)
        if trainer.is_global_zero:
            print(f"{count} samples in {self.folder}")
