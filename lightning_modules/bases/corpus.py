"""The base of every LightningModule: it checks the corpus, seeds each step, and stores facts in checkpoints."""

import hashlib
import os
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn

from lightning_modules.audio import FrontEnd
from lightning_modules.bases.metric_states import gathered_states, restore_states
from lightning_modules.errors import InputError
from lightning_modules.optimization import Optimization


class CorpusModule(LightningModule):
    """Base class of every module that is trained on a corpus; not used by itself.

    Every training step draws its random numbers from the seed, the epoch, the batch and the rank alone, so a run that
    is resumed continues the same curve.

    Attributes:
        front_end: analysis of the corpus that the module is trained on.
        labels: digits that the module was trained on.
    """

    front_end: FrontEnd

    def __init__(self, optimization: Optimization | None = None) -> None:
        super().__init__()
        self.optimization = optimization or Optimization()
        self.labels = list(range(10))
        self._planned_steps: int | None = None  # by the run that is resumed
        self._batch_size: int | None = None  # clips per step of training, over all processes

    @property
    def frozen(self) -> nn.Module | None:
        """The part that training must not change, or None."""
        return None

    def setup(self, stage: str) -> None:
        datamodule = getattr(self.trainer, "datamodule", None)
        self.check_data(datamodule)
        if stage == "fit":
            self.labels = list(getattr(datamodule, "labels", self.labels))
            shares = self.trainer.world_size * self.trainer.accumulate_grad_batches
            self._batch_size = datamodule.batch_size * shares if hasattr(datamodule, "batch_size") else None
        # DDP broadcasts buffers before every forward; what is frozen, or too constant to be saved, needs none.
        frozen = set() if self.frozen is None else {id(buffer) for buffer in self.frozen.buffers()}
        saved = {name for name, buffer in self.state_dict(keep_vars=True).items() if id(buffer) not in frozen}
        self._ddp_params_and_buffers_to_ignore = [name for name, _ in self.named_buffers() if name not in saved]

    def check_data(self, datamodule: Any) -> None:
        """Refuse a data module that this module cannot be trained or tested on; one without a front end is accepted.

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

    def evaluate(self, stage: str, batch: Any) -> None:
        """Log what the module achieves on a batch of the ``stage`` ``val`` or ``test``."""
        raise NotImplementedError

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.evaluate("val", batch)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.evaluate("test", batch)

    def configure_optimizers(self) -> Any:
        total_steps = self.trainer.estimated_stepping_batches
        return self.optimization.configure(self.parameters(), total_steps, self._planned_steps)

    def metadata(self) -> dict[str, Any]:
        """Plain facts that a checkpoint stores beside its weights and hyperparameters."""
        return {"labels": self.labels, "batch_size": self._batch_size}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["scoretap"] = self.metadata()
        if self._trainer is not None and self.trainer.state.fn == "fit":
            checkpoint["metric_states"] = gathered_states(self, self.trainer.strategy)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        facts = checkpoint.get("scoretap", {})
        self.labels = list(facts.get("labels", self.labels))
        self._batch_size = facts.get("batch_size", self._batch_size)
        schedules = checkpoint.get("lr_schedulers") or [{}]
        self._planned_steps = schedules[0].get("total_steps")
        if self._trainer is not None and self.trainer.state.fn == "fit":
            restore_states(self, checkpoint.get("metric_states", {}), self.global_rank, self.trainer.world_size)
