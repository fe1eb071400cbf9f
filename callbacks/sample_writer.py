"""What `predict` leaves behind."""

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from callbacks.manifest import ManifestPart, earlier_manifests, merge_parts, remove_samples
from callbacks.wav_files import write_wav
from lightning_modules.checkpoints import fingerprint
from lightning_modules.errors import InputError


class SampleWriter(Callback):
    """Writes every predicted sample as a WAV file and all of them into ``manifest.csv``.

    Manifest columns: file, label (empty for none), seed, guidance_scale, num_steps, sampler, nfe, and the SHA-256 of
    the model's tensors. While samples are drawn, each process keeps its rows in ``.manifest.rank<n>.csv``: a run that
    is killed leaves them there, and no manifest.

    Args:
        folder: where to write; created if missing.
        overwrite: whether samples that the folder already holds, as its manifest names them, may be removed first.
    """

    def __init__(self, folder: str = "samples", overwrite: bool = False) -> None:
        self.folder, self.overwrite = Path(folder), overwrite
        self._part: ManifestPart | None = None
        self._facts: dict[str, Any] = {}

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
        self._part = ManifestPart(self.folder, trainer.global_rank)
        sampling = pl_module.sampling
        self._facts = {
            "guidance_scale": sampling.guidance_scale,
            "num_steps": sampling.num_steps,
            "sampler": type(sampling.sampler).__name__,
            "checkpoint": fingerprint(pl_module.state_dict()),
        }

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        assert self._part is not None
        for waveform, y, seed, index in zip(
            outputs.waveform, batch.y.tolist(), batch.seed.tolist(), batch.index.tolist(), strict=True
        ):
            label = str(y) if y >= 0 else ""
            file = f"{index:05d}_{label or 'any'}_seed{seed}.wav"
            write_wav(self.folder / file, waveform, pl_module.front_end.sample_rate)
            row = {"file": file, "label": label, "seed": seed, "nfe": outputs.nfe, **self._facts}
            self._part.add(index, row if label else {**row, "guidance_scale": 0.0})  # nothing guides without a label

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.strategy.barrier("sample_writer_done")
        if trainer.is_global_zero:
            print(f"{merge_parts(self.folder)} samples in {self.folder}")
