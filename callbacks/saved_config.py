"""A callback that saves the settings of a run beside its checkpoints, and the run's names inside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from callbacks.run_folder import run_folder
from lightning_modules.tracking import WandbTracker
from lightning_modules.tracking.csv_history import save_histories


class SavedConfig(SaveConfigCallback):
    """Writes ``config.yaml`` to the run's own folder; Lightning's would share one where a logger has no ``log_dir``.

    Under ``run`` checkpoints store the names of the configs and of the W&B run, so that a resumed or tested run gets
    into the same group. All arguments but ``configs``, these names, are those of Lightning's callback.
    """

    def __init__(self, *args: Any, configs: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, save_to_log_dir=False, **kwargs)
        self._folder = Path()
        self.configs = list(configs)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._folder = run_folder(trainer)  # on all processes; save_config runs on the first alone
        super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = str(self._folder / self.config_filename)
        self.parser.save(self.config, path, skip_none=False, overwrite=self.overwrite, multifile=self.multifile)
        for logger in trainer.loggers:
            if isinstance(logger, WandbTracker):
                logger.log_hyperparams(yaml.safe_load(self.parser.dump(self.config, skip_none=False)))

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        save_histories(trainer.loggers)
        trackers = [logger for logger in trainer.loggers if isinstance(logger, WandbTracker)]
        checkpoint["run"] = {"configs": self.configs, "wandb": trackers[0].version if trackers else None}
