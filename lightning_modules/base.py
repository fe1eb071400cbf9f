"""What all LightningModules share: corpus checks, optimiser, reproducible randomness, metadata; and noise levels."""

import hashlib
import os
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from lightning_modules.audio import FrontEnd
from lightning_modules.diffusion import VPSDE, TimeDistribution, UniformTimes
from lightning_modules.diffusion.samplers import PerSampleNoise
from lightning_modules.errors import InputError
from lightning_modules.metrics import NoiseLevelMean
from lightning_modules.optimization import Optimization

_GOLDEN_RATIO = 0.6180339887498949


class CorpusModule(LightningModule):
    """Base of everything that is trained on a corpus; not used by itself.

    Randomness in training is a function of the seed, the batch and the rank: a resumed run continues the same curve.

    Attributes:
        front_end: analysis of the corpus that the module is trained on.
        labels: digits that the module was trained on.
    """

    front_end: FrontEnd

    def __init__(self, optimization: Optimization | None = None) -> None:
        super().__init__()
        self.optimization = optimization or Optimization()
        self.labels = list(range(10))
        self._planned_steps: int | None = None  # of the run that is resumed
        self._batch_size: int | None = None  # clips per step of training, over all processes

    def setup(self, stage: str) -> None:
        datamodule = getattr(self.trainer, "datamodule", None)
        self.check_data(datamodule)
        if stage == "fit":
            self.labels = list(getattr(datamodule, "labels", self.labels))
            shares = self.trainer.world_size * self.trainer.accumulate_grad_batches
            self._batch_size = datamodule.batch_size * shares if hasattr(datamodule, "batch_size") else None
        # DDP broadcasts buffers before every forward; what is frozen, or too constant to be saved, needs none.
        saved = {name for name in self.state_dict() if not name.startswith("classifier.")}
        self._ddp_params_and_buffers_to_ignore = [name for name, _ in self.named_buffers() if name not in saved]

    def check_data(self, datamodule: Any) -> None:
        """Refuse a data module that this module cannot be trained or tested on; one without a front end passes.

        Raises:
            InputError: names every setting that differs.
        """
        if (front_end := getattr(datamodule, "front_end", None)) is not None:
            self.check_front_end(front_end, "its data")

    def check_trainer(self, trainer: Any) -> None:
        """Refuse a Trainer's settings that this module cannot be trained with.

        Raises:
            InputError: names the setting.
        """

    def check_front_end(self, front_end: FrontEnd, owner: str) -> None:
        """Refuse an ``owner`` whose features are not what this module reads.

        Raises:
            InputError: names every setting that differs.
        """
        if differences := self.front_end.differences(front_end):
            raise InputError(
                f"{type(self).__name__} and {owner} must share one front end, they differ in {'; '.join(differences)}: "
                "give both the same settings"
            )

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        seed = os.environ.get("PL_GLOBAL_SEED", "0")
        name = f"{seed}/{self.current_epoch}/{batch_idx}/{self.global_rank}"
        torch.manual_seed(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big"))

    def configure_optimizers(self) -> Any:
        total_steps = self.trainer.estimated_stepping_batches
        return self.optimization.configure(self.parameters(), total_steps, self._planned_steps)

    def metadata(self) -> dict[str, Any]:
        """Plain facts that travel with a checkpoint, beside its weights and hyperparameters."""
        return {"labels": self.labels, "batch_size": self._batch_size}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["scoretap"] = self.metadata()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        facts = checkpoint.get("scoretap", {})
        self.labels = list(facts.get("labels", self.labels))
        self._batch_size = facts.get("batch_size", self._batch_size)
        schedules = checkpoint.get("lr_schedulers") or [{}]
        self._planned_steps = schedules[0].get("total_steps")


class NoisyModule(CorpusModule):
    """Base of the classifier and of both generators: modules that see noise; not used by itself.

    Noise in validation and test is a function of the item, so that epochs and numbers of processes can be compared.

    Attributes:
        sde: diffusion process.
        tracked: names of the per-example values that are logged per noise level.
        last_step: per-example loss, times and corpus indices of the latest training step, for diagnosis.
    """

    sde: VPSDE
    tracked: tuple[str, ...] = ("loss",)

    def __init__(self, optimization: Optimization | None, times: TimeDistribution | None) -> None:
        super().__init__(optimization)
        self.times = times or UniformTimes()
        self.last_step: dict[str, Tensor] = {}
        names = [f"{stage}_{name}" for stage in ("train", "val", "test") for name in self.tracked]
        self.by_noise_level = torch.nn.ModuleDict({name: NoiseLevelMean() for name in names})

    def training_noise(self, x_0: Tensor) -> tuple[Tensor, Tensor]:
        """Times ``(B,)`` and noise like ``x_0``, drawn afresh."""
        return self.times(len(x_0), self.sde, x_0.device), torch.randn_like(x_0)

    def fixed_noise(self, x_0: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Times ``(B,)`` and noise like ``x_0`` that depend on each item's ``index`` ``(B,)`` alone."""
        noise = PerSampleNoise(index.tolist(), tuple(x_0.shape[1:]), x_0.device, x_0.dtype)
        t = self.sde.t_min + (1.0 - self.sde.t_min) * ((index.double() + 0.5) * _GOLDEN_RATIO % 1.0)
        return t.to(x_0.dtype), noise.draw()

    def measures(self, batch: Any, t: Tensor, eps: Tensor) -> dict[str, Tensor]:
        """Values ``(B,)`` of everything in :attr:`tracked` for a batch at times ``t`` ``(B,)`` with noise ``eps``.

        ``loss`` is what training reduces.
        """
        raise NotImplementedError

    def _step(self, stage: str, batch: Any, t: Tensor, eps: Tensor) -> Tensor:
        values = self.measures(batch, t, eps)
        for name, value in values.items():
            self.track(stage, name, value, t)
        self.last_step = {"loss": values["loss"].detach(), "t": t, "index": batch.index}
        return values["loss"].mean()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = self._step("train", batch, *self.training_noise(batch.x_0))
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self._step("val", batch, *self.fixed_noise(batch.x_0, batch.index))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self._step("test", batch, *self.fixed_noise(batch.x_0, batch.index))

    def track(self, stage: str, name: str, values: Tensor, t: Tensor) -> None:
        """Collect per-example ``values`` ``(B,)`` seen at times ``t``; logged per noise level when the epoch ends."""
        self.by_noise_level[f"{stage}_{name}"].update(values, t)

    def _log_tracked(self, stage: str) -> None:
        for name in self.tracked:
            metric = self.by_noise_level[f"{stage}_{name}"]
            means = metric.compute()
            metric.reset()
            overall = means.pop("all")
            if stage != "train" and not overall.isnan():
                self.log(f"{stage}/{name}", overall, prog_bar=True)
            self.log_dict({f"{stage}/{name}/{level}": mean for level, mean in means.items()})

    def on_train_epoch_end(self) -> None:
        self._log_tracked("train")

    def on_validation_epoch_end(self) -> None:
        self._log_tracked("val")

    def on_test_epoch_end(self) -> None:
        self._log_tracked("test")
