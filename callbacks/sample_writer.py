"""What `predict` leaves behind."""

import csv
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from callbacks.wav_files import write_wav
from lightning_modules.checkpoints import fingerprint
from lightning_modules.errors import InputError

MANIFEST = "manifest.csv"
COLUMNS = ("file", "label", "seed", "guidance_scale", "num_steps", "sampler", "nfe", "checkpoint")


class SampleWriter(Callback):
    """Writes every predicted sample as a WAV file and all of them into ``manifest.csv``.

    Manifest columns: file, label (empty for none), seed, guidance_scale, num_steps, sampler, nfe, and the SHA-256 of
    the model's tensors.

    Args:
        folder: where to write; created if missing.
        overwrite: whether a folder that already holds a manifest may be written over.
    """

    def __init__(self, folder: str = "samples", overwrite: bool = False) -> None:
        self.folder, self.overwrite = Path(folder), overwrite
        self._rows: dict[int, dict[str, Any]] = {}
        self._facts: dict[str, Any] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "predict":
            return
        if (self.folder / MANIFEST).exists() and not self.overwrite:
            raise InputError(
                f"{str(self.folder)!r} already holds samples: give another --sample_writer.folder, "
                "or --sample_writer.overwrite true"
            )

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        sampling = pl_module.sampling
        self._rows = {}
        self._facts = {
            "guidance_scale": sampling.guidance_scale,
            "num_steps": sampling.num_steps,
            "sampler": type(sampling.sampler).__name__,
            "checkpoint": fingerprint(pl_module.state_dict()),
        }

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        for waveform, y, seed, index in zip(
            outputs.waveform, batch.y.tolist(), batch.seed.tolist(), batch.index.tolist(), strict=True
        ):
            label = str(y) if y >= 0 else ""
            file = f"{index:05d}_{label or 'any'}_seed{seed}.wav"
            write_wav(self.folder / file, waveform, pl_module.front_end.sample_rate)
            row = {"file": file, "label": label, "seed": seed, "nfe": outputs.nfe, **self._facts}
            self._rows[index] = row if label else {**row, "guidance_scale": 0.0}  # nothing guides without a label

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        parts: list[dict[int, dict[str, Any]]] = [self._rows]
        if trainer.world_size > 1:
            import torch.distributed as dist

            parts = [{} for _ in range(trainer.world_size)]
            dist.all_gather_object(parts, self._rows)
        if not trainer.is_global_zero:
            return
        rows = {index: row for part in parts for index, row in part.items()}
        temporary = self.folder / f".{MANIFEST}.tmp"
        with open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows[index] for index in sorted(rows))
        temporary.replace(self.folder / MANIFEST)
        print(f"{len(rows)} samples in {self.folder}")
