"""The Trainer's commands: LightningCLI with settings of drawing and scoring, and with errors of one sentence."""

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentError, Namespace
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import MisconfigurationException

# Imported so that YAML can name their classes without modules.
import callbacks  # noqa: F401
import lightning_modules.checkpoints.vocoders
import lightning_modules.classifier
import lightning_modules.distillation
import lightning_modules.evaluator
import lightning_modules.score_subnet
import lightning_modules.unet
import lightning_modules.vocoder  # noqa: F401
from callbacks.run_lock import claimed_versions, lock_run
from callbacks.sample_scores import SampleScores
from callbacks.sample_writer import SampleWriter
from callbacks.saved_config import SavedConfig
from callbacks.stop_on_signal import StopOnSignal
from datamodules import SampleRequests
from lightning_modules.audio import Vocoder
from lightning_modules.bases.generator import Generator
from lightning_modules.checkpoints.catalogue import WEIGHTS
from lightning_modules.checkpoints.reading import check_fits, read_checkpoint, refuse_stored
from lightning_modules.checkpoints.run_settings import check_settings
from lightning_modules.checkpoints.saving import WholeCheckpointIO, write_whole_checkpoints
from lightning_modules.checkpoints.starting_weights import take_weights
from lightning_modules.checkpoints.store import WeightsIO
from lightning_modules.checkpoints.structure import check_resumable
from lightning_modules.command_line.arguments import CONFIGS, resolve_arguments
from lightning_modules.command_line.parser_errors import first_sentence
from lightning_modules.command_line.run_trainer import RunTrainer
from lightning_modules.command_line.slurm import check_tasks, refuse_variables, requeue, requeue_signal, was_requeued
from lightning_modules.command_line.unfinished_runs import choose_checkpoint
from lightning_modules.diffusion import Sampling
from lightning_modules.errors import InputError
from lightning_modules.interruption import SignalError, take_signals
from lightning_modules.locks import releasing
from lightning_modules.tracking import WandbTracker
from lightning_modules.tracking.csv_history import continue_histories
from lightning_modules.tracking.run_names import composed_configs, run_names


class ScoretapCLI(LightningCLI):
    """Builds model, data and Trainer of a command, and checks that they fit before the Trainer starts."""

    configs: Sequence[str] = ()  # names of the config files of the command
    checkpoint_path: Path | None = None  # of the run that goes on, or of the model that is used
    goes_on: bool = False  # whether an unfinished run was found

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_class_arguments(Sampling, "sampling")
        parser.add_subclass_arguments(Vocoder, "vocoder", required=False)
        parser.add_lightning_class_args(SampleWriter, "sample_writer")
        if "fit" in self.subcommands():
            what = "Checkpoint, run folder or shipped model whose weights training starts from, with a new optimiser."
            parser.add_argument("--weights_from", type=str | None, default=None, help=what)
            what = "Go on with an unfinished run of this name and these settings if there is one (auto), or never."
            parser.add_argument("--resume", type=Literal["auto", "never"], default="auto", help=what)
        if "test" in self.subcommands():
            parser.add_lightning_class_args(SampleScores, "scoring")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        try:
            self.config = parser.parse_args(args)
        except ArgumentError as error:
            flags = [flag for sub in self._subcommand_parsers.values() for flag in sub._option_string_actions]
            raise InputError(first_sentence(error, flags)) from error

    def _parse_ckpt_path(self) -> None:
        """Do nothing: arguments are resolved before, by which flags win; in LightningCLI the checkpoint would win."""

    def before_instantiate_classes(self) -> None:
        """Give the model the front end of its corpus, unless the command gave it one."""
        config = self.config[self.subcommand]
        model, data = config.get("model"), config.get("data")
        if not isinstance(model, Namespace) or not isinstance(data, Namespace):
            return
        of_model, of_data = model.get("init_args"), data.get("init_args")
        if of_model is not None and of_data is not None and "front_end" in of_model and of_model.front_end is None:
            of_model.front_end = of_data.get("front_end")

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except InputError:
            raise
        except (ValueError, TypeError, MisconfigurationException) as error:
            raise InputError(first_sentence(error)) from error
        except (KeyError, AttributeError, IndexError, RuntimeError, ArithmeticError, AssertionError) as error:
            refuse_variables(error)
            if (path := self._get(self.config, "ckpt_path")) is None:
                raise
            refuse_stored(error, f"the model of {path!r}")

    def after_instantiate_classes(self) -> None:
        write_whole_checkpoints(self.trainer)
        model = self.model
        self.trainer.callbacks.append(StopOnSignal())
        check_tasks(self.trainer)
        if self.subcommand == "fit" and (number := requeue_signal(self.trainer)):
            take_signals(number)  # before Lightning does, which would save in the middle of a step and go on
        if isinstance(model, Generator):
            model.sampling = self._get(self.config_init, "sampling")
            if (vocoder := self._get(self.config_init, "vocoder")) is not None:
                model.use_vocoder(vocoder)
        self._check_data()
        checkpoint = self._read_checkpoint()
        self._set_labels(checkpoint)
        if self.subcommand == "predict":
            if not isinstance(model, Generator):
                raise InputError(
                    f"predict draws with a generator, got a checkpoint of {type(model).__name__}: give --ckpt_path "
                    "that of a Score Subnet or a U-Net"
                )
            model.check_guidance(self.datamodule.requests.y.tolist(), model.sampling)
        else:
            model.check_data(self.datamodule)
            model.check_trainer(self.trainer)
        try:
            self._name_run(self._prepare_weights(checkpoint))
            lock_run(self.trainer, self.subcommand)  # a W&B run that goes on has the name of its folder since then
        except InputError as error:
            if not self.goes_on:
                raise
            raise InputError(f"{error}; --resume never starts another run") from error
        if self.goes_on and checkpoint is not None and self.trainer.is_global_zero:
            what = f"going on with {self.checkpoint_path} at step {checkpoint['global_step']}"
            print(f"scoretap: {what} (--resume never starts another run)", file=sys.stderr, flush=True)

    def _read_checkpoint(self) -> dict[str, Any] | None:
        """Read the checkpoint that the command gives, or that of the unfinished run which it goes on with."""
        given = self._get(self.config, "ckpt_path")
        self.checkpoint_path = Path(given) if given is not None else None
        if self.subcommand == "fit":
            settings = self._parser("fit").dump(self.config["fit"], skip_none=False)
            resume = self._get(self.config, "resume") == "auto" or was_requeued()
            self.checkpoint_path = choose_checkpoint(self.trainer, given, resume, yaml.safe_load(settings))
            self.config_init["fit"]["ckpt_path"] = self.checkpoint_path
            self.goes_on = given is None and self.checkpoint_path is not None
        lock_run(self.trainer, self.subcommand, self.goes_on)  # before it is read: its run may still go on
        checkpoint = None if self.checkpoint_path is None else read_checkpoint(self.checkpoint_path)
        if checkpoint is not None and self.subcommand == "fit":
            check_resumable(checkpoint, repr(str(self.checkpoint_path)))
        return checkpoint

    def _prepare_weights(self, checkpoint: dict[str, Any] | None) -> dict[str, Any]:
        """Check that the given checkpoint fits, or take the weights that training starts from.

        Returns:
            Facts of the run that wrote the checkpoint; empty without one.

        Raises:
            InputError: weights do not fit the model, or a run would go on with other settings.
        """
        if checkpoint is None or self.checkpoint_path is None:
            if (source := self._get(self.config, "weights_from")) is not None:
                take_weights(self.model, source)
            return {}
        if self.checkpoint_path.suffix == WEIGHTS:
            self.trainer.strategy.checkpoint_io = WeightsIO()
        elif isinstance(io := self.trainer.strategy.checkpoint_io, WholeCheckpointIO):
            io.remember(self.checkpoint_path, checkpoint)
        run: dict[str, Any] = checkpoint.get("run", {})
        if self.subcommand == "fit":
            check_settings(checkpoint, self.checkpoint_path, self.model, self.datamodule, self.trainer)
            if hasattr(self.datamodule, "expect_contents"):
                self.datamodule.expect_contents(run.get("corpus") or {})
        check_fits(checkpoint, self.model)
        if self.subcommand == "fit" and self.trainer.is_global_zero:
            continue_histories(self.trainer.loggers, checkpoint["global_step"], run.get("csv_rows"))
        return run

    def _name_run(self, stored: dict[str, Any]) -> None:
        """Give loggers and checkpoints the names of the configs: those of the stored run where the command has none."""
        names = run_names(self.subcommand, self.configs)
        configs = list(self.configs)
        if names.facts["experiment"] is None and stored.get("configs"):
            configs = stored["configs"]
            names = run_names(self.subcommand, configs)
        for logger in self.trainer.loggers:
            if isinstance(logger, WandbTracker):
                logger.adopt_names(names, stored)
        for callback in self.trainer.callbacks:
            if isinstance(callback, SavedConfig):
                callback.configs = configs

    def _set_labels(self, checkpoint: dict[str, Any] | None) -> None:
        """Set the digits that the model is trained on, which checks need before the Trainer sets or restores them."""
        if self.subcommand == "fit":
            self.model.labels = list(getattr(self.datamodule, "labels", self.model.labels))
        elif checkpoint is not None:
            self.model.labels = list(checkpoint["scoretap"].get("labels", self.model.labels))

    def _run_subcommand(self, subcommand: str) -> None:
        try:
            super()._run_subcommand(subcommand)
        except SignalError as error:
            if subcommand == "fit" and error.number == requeue_signal(self.trainer) and self.trainer.is_global_zero:
                raise SignalError(error.number, f"{error.what}{requeue()}") from error
            raise

    def _check_data(self) -> None:
        if self.datamodule is None:
            raise InputError(f"{self.subcommand} needs data: give a --config such as data/sc09, or --data with a class")
        wanted = "SampleRequests" if self.subcommand == "predict" else "a corpus"
        if isinstance(self.datamodule, SampleRequests) != (self.subcommand == "predict"):
            raise InputError(
                f"{self.subcommand} needs {wanted} as data, got {type(self.datamodule).__name__}: give another --data"
            )


def run_trainer(command: str, args: list[str]) -> None:
    """Run ``fit``, ``validate``, ``test`` or ``predict`` with ``args``.

    Raises:
        InputError: what was given cannot be run; nothing was started.
    """
    _silence_warnings()
    skipped = {"model", "train_dataloaders", "val_dataloaders", "dataloaders", "datamodule"}
    resolved = resolve_arguments(command, args)
    # One parser instead of four: building the others would double the time to start.
    members = {"subcommands": staticmethod(lambda: {command: skipped}), "configs": composed_configs(resolved, CONFIGS)}
    cli = type("CLI", (ScoretapCLI,), members)
    parser = {"exit_on_error": False, "allow_abbrev": False}  # a name cut short is a name misspelt
    defaults = {
        "devices": 1,
        "inference_mode": False,
        "default_root_dir": "runs",
        "enable_model_summary": False,
    }
    with releasing(), claimed_versions():
        cli(
            trainer_class=RunTrainer,
            save_config_callback=SavedConfig if command == "fit" else None,
            save_config_kwargs={"overwrite": True},
            trainer_defaults=defaults,
            seed_everything_default=0,
            parser_kwargs={**parser, command: parser},
            args=[command, *resolved],
        )


def _silence_warnings() -> None:
    """Suppress Lightning's advertisements, and its warnings about what is intended here."""
    for message in (
        "does not have many workers",  # cached features need none
        "in eval mode at the start",  # the frozen classifier
        "Be aware that when using `ckpt_path`",  # predict needs none of fit's callbacks
        "dataloader is not resumable",  # the data module resumes it
        "The dirpath has changed",
        "is an instance of `nn.Module`",  # front ends have no weights
        "exists and is not empty",
        "LeafSpec",
        "args parameter is",
    ):
        warnings.filterwarnings("ignore", message=f".*{message}.*")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: "Tip:" not in record.getMessage()
    )
