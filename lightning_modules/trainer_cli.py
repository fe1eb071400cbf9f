"""LightningCLI with three additions: settings of a run, checkpoints that explain themselves, and one-sentence errors."""

import warnings
from typing import Any

from jsonargparse import ArgumentError, Namespace
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

import callbacks  # noqa: F401  so that YAML can name classes without their modules
import datamodules  # noqa: F401
import lightning_modules  # noqa: F401
from callbacks.sample_writer import SampleWriter
from lightning_modules.arguments import first_sentence, settle_arguments
from lightning_modules.audio import Vocoder
from lightning_modules.diffusion import Sampling
from lightning_modules.errors import InputError
from lightning_modules.generator import Generator


class ScoretapCLI(LightningCLI):
    """Adds ``sampling``, ``vocoder`` and ``sample_writer``; checks everything before the Trainer starts."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_class_arguments(Sampling, "sampling")
        parser.add_subclass_arguments(Vocoder, "vocoder", required=False)
        parser.add_lightning_class_args(SampleWriter, "sample_writer")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        try:
            self.config = parser.parse_args(args)
        except ArgumentError as error:
            raise InputError(first_sentence(error)) from error

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
        except (ValueError, TypeError) as error:
            raise InputError(first_sentence(error)) from error

    def after_instantiate_classes(self) -> None:
        model = self.model
        if isinstance(model, Generator):
            model.sampling = self._get(self.config_init, "sampling")
            model.assemble()
            if (vocoder := self._get(self.config_init, "vocoder")) is not None:
                model.use_vocoder(vocoder)
        if self.subcommand == "predict":
            if not isinstance(model, Generator):
                raise InputError(f"predict draws samples from a generator, the checkpoint holds a {type(model).__name__}")
            model.check_guidance(self.datamodule.requests.y.tolist(), model.sampling.guidance_scale)
        elif (front_end := getattr(self.datamodule, "front_end", None)) is not None:
            model.check_front_end(front_end, "its data")


def run_trainer(command: str, args: list[str]) -> None:
    """Run ``fit``, ``validate``, ``test`` or ``predict`` with ``args``.

    Raises:
        InputError: what was given cannot be run; nothing was started.
    """
    for message in (".*does not have many workers.*", ".*in eval mode at the start.*", ".*LeafSpec.*", ".*args parameter is.*"):
        warnings.filterwarnings("ignore", message=message)
    skipped = {"model", "train_dataloaders", "val_dataloaders", "dataloaders", "datamodule"}
    # One parser instead of four: building the others would double the time to start.
    cli = type("CLI", (ScoretapCLI,), {"subcommands": staticmethod(lambda: {command: skipped})})
    cli(
        save_config_callback=SaveConfigCallback if command == "fit" else None,
        save_config_kwargs={"overwrite": True},
        trainer_defaults={"inference_mode": False, "default_root_dir": "runs", "enable_model_summary": False},
        seed_everything_default=0,
        parser_kwargs={"exit_on_error": False, command: {"exit_on_error": False}},
        args=[command, *settle_arguments(command, args)],
    )
