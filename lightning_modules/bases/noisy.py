"""The base of every module that reads noisy log-Mels: it draws the noise, and logs losses per noise level."""

from typing import Any

import torch
from torch import Tensor

from lightning_modules.bases.corpus import CorpusModule
from lightning_modules.diffusion import VPSDE, TimeDistribution, UniformTimes
from lightning_modules.diffusion.samplers import PerSampleNoise
from lightning_modules.metrics import NoiseLevelMean
from lightning_modules.optimization import Optimization

_GOLDEN_RATIO = 0.6180339887498949


class NoisyModule(CorpusModule):
    """Base class of the classifier and of both generators, which are trained on noisy log-Mels; not used by itself.

    In validation and test each item always gets the same noise, so that epochs, and runs on other numbers of processes,
    can be compared.

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
        """Draw times ``(B,)``, and noise of the shape of ``x_0``, from the global random state."""
        return self.times(len(x_0), self.sde, x_0.device), torch.randn_like(x_0)

    def fixed_noise(self, x_0: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Times ``(B,)``, and noise of the shape of ``x_0``, that depend on each item's ``index`` ``(B,)`` alone."""
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

    def evaluate(self, stage: str, batch: Any) -> None:
        self._step(stage, batch, *self.fixed_noise(batch.x_0, batch.index))

    def track(self, stage: str, name: str, values: Tensor, t: Tensor) -> None:
        """Collect per-example ``values`` ``(B,)`` at times ``t``, to log them per noise level when the epoch ends."""
        self.by_noise_level[f"{stage}_{name}"].update(values, t)

    def _log_tracked(self, stage: str) -> None:
        for name in self.tracked:
            metric = self.by_noise_level[f"{stage}_{name}"]
            means = metric.compute()
            metric.reset()
            overall = means.pop("all")
            # Reduced over processes by now: the largest of equal values is their value, for any number of processes.
            reduced: dict[str, Any] = {"sync_dist": True, "reduce_fx": "max"}
            if stage != "train" and not overall.isnan():
                self.log(f"{stage}/{name}", overall, prog_bar=True, **reduced)
            self.log_dict({f"{stage}/{name}/{level}": mean for level, mean in means.items()}, **reduced)

    def on_train_epoch_end(self) -> None:
        self._log_tracked("train")

    def on_validation_epoch_end(self) -> None:
        self._log_tracked("val")

    def on_test_epoch_end(self) -> None:
        self._log_tracked("test")
