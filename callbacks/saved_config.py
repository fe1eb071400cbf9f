"""A callback that saves the settings of a run beside its checkpoints, and the run's names inside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from callbacks.run_folder import run_folder
from lightning_modules.checkpoints.run_settings import training_facts
from lightning_modules.errors import InputError
from lightning_modules.new_files import new_file
from lightning_modules.tracking import WandbTracker
from lightning_modules.tracking.csv_history import save_histories

FINISHED = "finished"  # an empty file in the folder of a run that has ended by itself


class SavedConfig(SaveConfigCallback):
    """Writes ``config.yaml`` to the run's own folder; Lightning's would share one where a logger has no ``log_dir``.

    An empty file ``finished`` beside it marks a run that has ended by itself, early stopping included.

    Under ``run`` checkpoints store the names of the configs and of the W&B run, so that a resumed or tested run gets
    into the same group; how long the histories are, so that they go on; and the settings that a resumed run must have.
    All arguments but ``configs``, the names of the configs, are those of Lightning's callback.
    """

    def __init__(self, *args: Any, configs: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, save_to_log_dir=False, **kwargs)
        self._folder = Path()
        self.configs = list(configs)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._folder = run_folder(trainer)  # on all processes; save_config runs on the first alone
        # All processes have chosen by themselves, before they could ask each other.
        same = trainer.strategy.broadcast(str(trainer.ckpt_path)) == str(trainer.ckpt_path)
        if not trainer.strategy.reduce_boolean_decision(same):
            raise InputError(
                "processes would start from different checkpoints: give all of them the same folder of runs, or "
                "--ckpt_path"
            )
        super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with new_file(self._folder / self.config_filename) as temporary:
            self.parser.save(self.config, str(temporary), skip_none=False, overwrite=True, multifile=self.multifile)
        for logger in trainer.loggers:
            if isinstance(logger, WandbTracker):
                logger.log_hyperparams(yaml.safe_load(self.parser.dump(self.config, skip_none=False)))

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            (self._folder / FINISHED).unlink(missing_ok=True)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero and self._folder.is_dir():
            (self._folder / FINISHED).touch()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if (write_row := getattr(trainer._logger_connector, "write_row", None)) is not None:
            write_row()
        rows = save_histories(trainer.loggers) if trainer.is_global_zero else None
        trackers = [logger for logger in trainer.loggers if isinstance(logger, WandbTracker)]
        checkpoint["run"] = {
            "configs": self.configs,
            "wandb": trackers[0].version if trackers else None,
            "wandb_step": trackers[0].history_step if trackers and trainer.is_global_zero else None,
            "csv_rows": rows,
            **training_facts(trainer),
        }
