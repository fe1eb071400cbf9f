"""What `predict` leaves behind."""

import time
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from callbacks.wav_files import write_wav
from datamodules.manifest import ManifestPart, earlier_manifests, merge_parts, remove_samples, sample_file
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.errors import InputError


class SampleWriter(Callback):
    """Writes every predicted sample as a WAV file and all of them into ``manifest.csv``.

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
        self._part: ManifestPart | None = None
        self._facts: dict[str, Any] = {}
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
        self._part = ManifestPart(self.folder, trainer.global_rank)
        self._facts = sample_facts(pl_module)

    def on_predict_batch_start(self, *args: Any, **kwargs: Any) -> None:
        self._start = time.perf_counter()

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        assert self._part is not None
        waveforms = outputs.waveform.cpu()  # waits for the device, so that the time is the whole time
        seconds = (time.perf_counter() - self._start) / len(waveforms)
        requests = zip(batch.index.tolist(), batch.y.tolist(), batch.seed.tolist(), strict=True)
        facts = {**self._facts, "nfe": outputs.nfe, "seconds": f"{seconds:.4g}"}
        for waveform, request in zip(waveforms, requests, strict=True):
            write_sample(self._part, waveform, pl_module.front_end.sample_rate, request, facts)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.strategy.barrier("sample_writer_done")
        if trainer.is_global_zero:
            print(f"{merge_parts(self.folder)} samples in {self.folder}")


def sample_facts(generator: Any) -> dict[str, Any]:
    """Columns of the manifest that all samples of a run share."""
    sampling = generator.sampling
    return {
        "guidance_scale": sampling.guidance_scale,
        "guidance": sampling.guidance_name(generator.denoiser),
        "num_steps": sampling.num_steps,
        "sampler": type(sampling.sampler).__name__,
        "checkpoint": fingerprint(generator.state_dict()),
    }


def write_sample(
    part: ManifestPart, waveform: Tensor, sample_rate: int, request: tuple[int, int, int], facts: dict[str, Any]
) -> None:
    """Write one sample ``(N,)`` as a WAV file, then its row; ``request`` is its index, digit (-1: none) and seed."""
    index, y, seed = request
    file = sample_file(index, y, seed)
    write_wav(part.path.with_name(file), waveform, sample_rate)
    row = {"file": file, "label": y if y >= 0 else "", "seed": seed, **facts}
    part.add(index, row if y >= 0 else {**row, "guidance_scale": 0.0})  # nothing guides without a label
