"""Writes the samples that `predict` draws."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from callbacks.on_first import on_first
from callbacks.sample_folder import SampleFolder
from datamodules.manifest import UNFINISHED, drawn_files, earlier_manifests, remove_samples
from datamodules.new_files import new_file
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.errors import InputError
from lightning_modules.locks import hold, release
from lightning_modules.ranges import parse_whole


class SampleWriter(Callback):
    """Writes every predicted sample as a WAV file and lists all of them in ``manifest.csv``.

    Manifest columns: file, label (empty for none), seed, guidance_scale, guidance (its schedule), num_steps, sampler,
    nfe, seconds that the sample took (its share of the batch, vocoder included), and the SHA-256 of the model's
    tensors. While samples are drawn, each process keeps its rows in ``.manifest.rank<n>.csv``, and their settings stand
    in ``.unfinished.json``. A run that is stopped leaves both there and no manifest: the same command continues it.

    Args:
        folder: where to write; created if missing.
        overwrite: whether samples that the folder already holds, as its manifest names them, may be removed first.
    """

    def __init__(self, folder: str = "samples", overwrite: bool = False) -> None:
        self.folder, self.overwrite = Path(folder), overwrite
        self._samples = SampleFolder(self.folder)
        self._settings: dict[str, Any] = {}
        self._go_on = False
        self._stored_checkpoint: Any = None
        self._start = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "predict":
            return
        drawn = on_first(trainer, lambda: self._unfinished_samples(trainer, pl_module))
        drawn = trainer.strategy.broadcast(drawn)
        self._go_on = drawn is not None
        trainer.datamodule.drawn = set(drawn or ())  # type: ignore[attr-defined]

    def _unfinished_samples(self, trainer: Trainer, generator: Any) -> list[int] | None:
        """List the requests that an unfinished run of this command has drawn; None where a new run begins.

        Raises:
            InputError: the folder holds other samples.
        """
        hold(self.folder, otherwise="give another --sample_writer.folder")
        self._settings = _settings(trainer, generator)
        if self.overwrite or not earlier_manifests(self.folder):
            return None
        unfinished = self.folder / UNFINISHED
        try:
            stored = json.loads(unfinished.read_text())
            self._stored_checkpoint = stored.get("checkpoint")  # compared when the weights are there
            names = [name for name in self._settings if name != "checkpoint"]
            if different := [name for name in names if stored.get(name) != self._settings[name]]:
                raise ValueError(f"holds samples of an unfinished run with another {different[0]}")
        except (OSError, ValueError) as error:
            raise self._refusal(str(error) if type(error) is ValueError else "already holds samples") from error
        drawn = [parse_whole(name.partition("_")[0]) for name in drawn_files(self.folder)]
        print(f"going on in {self.folder}, which holds {len(drawn)} samples of this command")
        return drawn

    def _refusal(self, reason: str) -> InputError:
        return InputError(
            f"{str(self.folder)!r} {reason}: give another --sample_writer.folder, or --sample_writer.overwrite true"
        )

    def _check_weights(self, generator: Any) -> None:
        """Note the weights that draw, which the Trainer restores after :meth:`setup`, and refuse others to go on."""
        self._settings["checkpoint"] = fingerprint(generator.state_dict())
        if self._go_on and self._stored_checkpoint != self._settings["checkpoint"]:
            raise self._refusal("holds samples of an unfinished run with another checkpoint")

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        on_first(trainer, lambda: self._check_weights(pl_module))
        self.folder.mkdir(parents=True, exist_ok=True)
        if trainer.is_global_zero and not self._go_on:
            remove_samples(self.folder)
            with new_file(self.folder / UNFINISHED) as temporary:
                temporary.write_text(json.dumps(self._settings, indent=1) + "\n")
        trainer.strategy.barrier("sample_writer_cleared")
        self._samples.begin(trainer, pl_module, self._go_on)

    def on_predict_batch_start(self, *args: Any, **kwargs: Any) -> None:
        self._start = time.perf_counter()

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        self._samples.write(outputs, batch, self._start)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        count = self._samples.finish(trainer, self._go_on)  # one that was killed here has a manifest already
        if trainer.is_global_zero:
            (self.folder / UNFINISHED).unlink(missing_ok=True)
            print(f"{count} samples in {self.folder}")
            release(self.folder)


def _settings(trainer: Trainer, generator: Any) -> dict[str, Any]:
    """Gather all that the files of a run depend on."""
    from lightning_modules.evaluation.scoring.row_facts import sampling_settings

    datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
    requests = json.dumps([datamodule.requests.y.tolist(), datamodule.requests.seed.tolist()])
    return {
        **sampling_settings(generator),
        "precision": trainer.precision,
        "number of processes": trainer.world_size,
        "batch_size": datamodule.batch_size,
        "list of labels and seeds": hashlib.sha256(requests.encode()).hexdigest(),
    }
