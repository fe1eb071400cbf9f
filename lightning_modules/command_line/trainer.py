"""LightningCLI with three additions: settings of a run, checkpoints that explain themselves, one-sentence errors."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, Namespace
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import MisconfigurationException

# Imported so that YAML can name their classes without modules.
import callbacks  # noqa: F401
import lightning_modules.checkpoints.vocoders
import lightning_modules.classifier
import lightning_modules.evaluator
import lightning_modules.score_subnet
import lightning_modules.unet
import lightning_modules.vocoder  # noqa: F401
from callbacks.sample_scores import SampleScores
from callbacks.sample_writer import SampleWriter
from callbacks.saved_config import SavedConfig
from datamodules import SampleRequests
from lightning_modules.audio import Vocoder
from lightning_modules.bases.generator import Generator
from lightning_modules.checkpoints.catalogue import WEIGHTS
from lightning_modules.checkpoints.checkpoint_io import WeightsIO
from lightning_modules.checkpoints.reading import check_fits, read_checkpoint
from lightning_modules.checkpoints.starting_weights import take_weights
from lightning_modules.command_line.arguments import CONFIGS, LIGHTNING_NAMES, settle_arguments
from lightning_modules.command_line.parser_errors import first_sentence
from lightning_modules.diffusion import Sampling
from lightning_modules.errors import InputError
from lightning_modules.tracking import WandbTracker
from lightning_modules.tracking.run_names import composed_configs, run_names


class ScoretapCLI(LightningCLI):
    """Adds settings of drawing and scoring; checks everything before the Trainer starts."""

    configs: Sequence[str] = ()  # names of those that the command composes

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_class_arguments(Sampling, "sampling")
        parser.add_subclass_arguments(Vocoder, "vocoder", required=False)
        parser.add_lightning_class_args(SampleWriter, "sample_writer")
        if "fit" in self.subcommands():
            what = "Checkpoint, run folder or shipped model whose weights training starts from, with a new optimiser."
            parser.add_argument("--weights_from", type=str | None, default=None, help=what)
        if "test" in self.subcommands():
            parser.add_lightning_class_args(SampleScores, "scoring")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        try:
            self.config = parser.parse_args(args)
        except ArgumentError as error:
            flags = [flag for sub in self._subcommand_parsers.values() for flag in sub._option_string_actions]
            raise InputError(first_sentence(error, flags)) from error

    def _parse_ckpt_path(self) -> None:
        """Settled before parsing, so that the command line wins; LightningCLI would let the checkpoint win silently."""

    def before_instantiate_classes(self) -> None:
        """The corpus' front end is the model's, wherever the model has one and the command gave it none."""
        config = self.config[self.subcommand]
        model, data = config.get("model"), config.get("data")
        if not isinstance(model, Namespace) or not isinstance(data, Namespace):
            return
        ours, theirs = model.get("init_args"), data.get("init_args")
        if ours is not None and theirs is not None and "front_end" in ours and ours.front_end is None:
            ours.front_end = theirs.get("front_end")

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except InputError:
            raise
        except (ValueError, TypeError, MisconfigurationException) as error:
            raise InputError(first_sentence(error)) from error

    def after_instantiate_classes(self) -> None:
        model = self.model
        if isinstance(model, Generator):
            model.sampling = self._get(self.config_init, "sampling")
            if (vocoder := self._get(self.config_init, "vocoder")) is not None:
                model.use_vocoder(vocoder)
        self._check_data()
        self._adopt_labels()
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
        self._name_run(self._check_checkpoint())

    def _check_checkpoint(self) -> dict[str, Any]:
        """Facts of the run whose checkpoint is given, once it is known to fit; or start from another's weights.

        Raises:
            InputError: weights do not fit the model.
        """
        path, source = self._get(self.config, "ckpt_path"), self._get(self.config, "weights_from")
        if path is None or path in LIGHTNING_NAMES:
            if source is not None:
                take_weights(self.model, source)
            return {}
        checkpoint = read_checkpoint(path)
        if Path(path).suffix == WEIGHTS:
            self.trainer.strategy.checkpoint_io = WeightsIO()
        check_fits(checkpoint, self.model)
        run: dict[str, Any] = checkpoint.get("run", {})
        return run

    def _name_run(self, stored: dict[str, Any]) -> None:
        """Tell loggers and checkpoints which configs the run is of: a checkpoint's own where the command names none."""
        names = run_names(self.subcommand, self.configs)
        configs = list(self.configs)
        if names.facts["experiment"] is None and stored.get("configs"):
            configs = stored["configs"]
            names = run_names(self.subcommand, configs)
        for logger in self.trainer.loggers:
            if isinstance(logger, WandbTracker):
                logger.belong(names, stored)
        for callback in self.trainer.callbacks:
            if isinstance(callback, SavedConfig):
                callback.configs = configs

    def _adopt_labels(self) -> None:
        """Digits that the model will have been trained on, before the Trainer restores or sets them: checks ask."""
        path = self._get(self.config, "ckpt_path")
        if self.subcommand == "fit":
            self.model.labels = list(getattr(self.datamodule, "labels", self.model.labels))
        elif path is not None and path not in LIGHTNING_NAMES:
            self.model.labels = list(read_checkpoint(path)["scoretap"].get("labels", self.model.labels))

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
    _keep_quiet()
    skipped = {"model", "train_dataloaders", "val_dataloaders", "dataloaders", "datamodule"}
    settled = settle_arguments(command, args)
    # One parser instead of four: building the others would double the time to start.
    members = {"subcommands": staticmethod(lambda: {command: skipped}), "configs": composed_configs(settled, CONFIGS)}
    cli = type("CLI", (ScoretapCLI,), members)
    parser = {"exit_on_error": False, "allow_abbrev": False}  # a name cut short is a name misspelt
    cli(
        save_config_callback=SavedConfig if command == "fit" else None,
        save_config_kwargs={"overwrite": True},
        trainer_defaults={
            "devices": 1,
            "inference_mode": False,
            "default_root_dir": "runs",
            "enable_model_summary": False,
        },
        seed_everything_default=0,
        parser_kwargs={**parser, command: parser},
        args=[command, *settled],
    )


def _keep_quiet() -> None:
    """Drop Lightning's advertisements, and warnings about what is meant to be as it is."""
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
