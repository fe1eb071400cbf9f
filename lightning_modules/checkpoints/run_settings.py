"""Settings on which the course of a training depends: a run that goes on must have the same ones."""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch import LightningDataModule, LightningModule, Trainer

from lightning_modules.errors import InputError

# Arguments of the Trainer that change what a step computes. All others are taken over from the command.
TRAINER_SETTINGS = (
    "precision",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "accumulate_grad_batches",
    "limit_train_batches",
    "overfit_batches",
)
COUNTS = ("limit_train_batches", "overfit_batches")  # 1 is a batch, 1.0 all of them
# Arguments of data that may differ: the clips themselves are compared.
FREE_DATA = ("root", "cache_dir", "download", "num_workers", "bad_files", "changed_share")
OWN_PACKAGES = ("lightning_modules", "datamodules", "callbacks")
MISSING = object()

Difference = tuple[str, Any, Any]  # name, value in the checkpoint, value asked for


def training_facts(trainer: Trainer) -> dict[str, Any]:
    """Read what a checkpoint stores so that the run can be compared: the seed, the Trainer's settings, the clips.

    Returns:
        ``seed``; ``trainer``, by the names of :data:`TRAINER_SETTINGS`; ``corpus``, a digest for each split, or None.
    """
    return {
        "seed": os.environ.get("PL_GLOBAL_SEED", "0"),
        "trainer": {name: _plain(getattr(trainer, name)) for name in TRAINER_SETTINGS},
        "corpus": dict(getattr(trainer.datamodule, "contents", None) or {}) or None,
    }


def check_settings(
    checkpoint: dict[str, Any],
    path: Path,
    module: LightningModule,
    datamodule: LightningDataModule | None,
    trainer: Trainer,
) -> None:
    """Refuse to go on with a run by other settings than its own.

    Args:
        checkpoint: content of the run's checkpoint, by :func:`~lightning_modules.checkpoints.reading.read_checkpoint`.
        path: of the checkpoint.
        module: the module that the command asks for; one of another class is left to ``check_fits``.
        datamodule: the data that the command asks for.
        trainer: the Trainer that the command asks for.

    Raises:
        InputError: names each setting that differs, with the checkpoint's value and the one that is asked for.
    """
    found = [*_of_model(checkpoint, module), *_of_data(checkpoint, datamodule, trainer)]
    run = checkpoint.get("run", {})
    stored, asked = run.get("trainer") or {}, training_facts(trainer)
    for name, value in asked["trainer"].items():
        if name in stored and not _equal(stored[name], value, strict=name in COUNTS):
            found.append((f"trainer.{name}", stored[name], value))
    seed = run.get("seed") or _seed_beside(path)
    if seed is not None and str(seed) != asked["seed"]:
        found.append(("seed_everything", seed, asked["seed"]))
    if found:
        listed = "; ".join(
            f"{name} is {_show(old)} in the checkpoint, {_show(new)} is asked" for name, old, new in found
        )
        raise InputError(
            f"cannot go on with {str(path)!r} by other settings: {listed}: drop what differs, or start another run, "
            f"from its weights by --weights_from {path} in place of --ckpt_path"
        )


def differences(stored: Any, asked: Any, name: str = "", owner: str | None = None) -> Iterator[Difference]:
    """Compare two trees of plain settings.

    A setting that only ``asked`` has is new in this version: it must have the default of the class it belongs to. One
    that only ``stored`` has is none any more.

    Args:
        stored: settings of a run.
        asked: settings of the command.
        name: dotted name of both.
        owner: class path of the class whose arguments they are, if it is known.

    Yields:
        Name and values of each setting that differs.
    """
    if not isinstance(stored, dict) or not isinstance(asked, dict):
        if not _equal(stored, asked):
            yield name, stored, asked
        return
    if not _same_class(old := stored.get("class_path"), new := asked.get("class_path")):
        yield f"{name}.class_path".lstrip("."), old, new
        return
    for key, value in asked.items():
        inner = f"{name}.{key}".lstrip(".")
        if key == "class_path":
            continue
        if key in stored:
            yield from differences(stored[key], value, inner, new if key == "init_args" else None)
        elif not _equal(default := _default(owner, key), value) and value is not None:
            yield inner, None if default is MISSING else default, value


def _of_model(checkpoint: dict[str, Any], module: LightningModule) -> Iterator[Difference]:
    stored, asked = (_arguments(each) for each in (checkpoint["hyper_parameters"], module.hparams))
    class_path = checkpoint["hyper_parameters"]["_class_path"]
    if class_path.rsplit(".", 1)[-1] == type(module).__name__:
        # A classifier is compared by its weights.
        stored.pop("classifier", None), asked.pop("classifier", None)
        for settings in (stored, asked):  # and a teacher too, wherever it lies
            if isinstance(teacher := settings.get("teacher"), dict):
                settings["teacher"] = teacher.get("fingerprint")
        yield from differences(stored, asked, "model.init_args", class_path)


def _of_data(
    checkpoint: dict[str, Any], datamodule: LightningDataModule | None, trainer: Trainer
) -> Iterator[Difference]:
    held = checkpoint.get("datamodule_hyper_parameters")
    if datamodule is None or not held or "_class_path" not in held:
        return
    if not _same_class(held["_class_path"], class_path := datamodule.hparams.get("_class_path", held["_class_path"])):
        yield "data.class_path", held["_class_path"], class_path
        return
    stored, asked = (_arguments(each) for each in (held, datamodule.hparams))
    facts, free = checkpoint["scoretap"], list(FREE_DATA)
    if facts.get("batch_size") is not None and hasattr(datamodule, "batch_size"):
        free.append("batch_size")
        processes = trainer.world_size * trainer.accumulate_grad_batches
        if facts["batch_size"] != (batch := datamodule.batch_size * processes):
            what = "data.init_args.batch_size" if processes == 1 else f"the batch of {processes} processes together"
            yield what, facts["batch_size"], batch
    if "labels" in facts and hasattr(datamodule, "labels"):
        free.append("labels")
        if list(facts["labels"]) != list(datamodule.labels):
            yield "data.init_args.labels", list(facts["labels"]), list(datamodule.labels)
    for settings in (stored, asked):
        for name in free:
            settings.pop(name, None)
    yield from differences(stored, asked, "data.init_args", class_path)


def _arguments(hparams: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(hparams).items() if not name.startswith("_")}


def _same_class(stored: Any, asked: Any) -> bool:
    """Whether two class paths name one class; modules of this project have moved, their classes keep their names."""
    if not isinstance(stored, str) or not isinstance(asked, str):
        return bool(stored == asked)
    own = all(path.partition(".")[0] in OWN_PACKAGES for path in (stored, asked))
    return stored == asked or (own and stored.rsplit(".", 1)[-1] == asked.rsplit(".", 1)[-1])


def _default(owner: str | None, name: str) -> Any:
    """Default of an argument of a class that the command has asked for, so that it is imported already.

    The parser finds arguments too that a constructor hands on.
    """
    module, _, class_name = (owner or "").rpartition(".")
    parser = ArgumentParser(exit_on_error=False)
    try:
        parser.add_class_arguments(getattr(importlib.import_module(module), class_name), "it", fail_untyped=False)
        return parser.get_defaults().as_dict()["it"][name]
    except (ImportError, AttributeError, ValueError, KeyError, TypeError):
        return MISSING


def _seed_beside(path: Path) -> int | None:
    """The seed in the run's ``config.yaml``, for a checkpoint of a version that did not store it."""
    for folder in (path.parent.parent, path.parent):
        try:
            seed = yaml.safe_load((folder / "config.yaml").read_text())["seed_everything"]
            return seed if isinstance(seed, int) and not isinstance(seed, bool) else None
        except (OSError, yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
            continue
    return None


def _equal(stored: Any, asked: Any, strict: bool = False) -> bool:
    if strict and type(stored) is not type(asked):
        return False
    return bool(_plain(stored) == _plain(asked))


def _plain(value: Any) -> Any:
    """The value as checkpoints and YAML hold it."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _show(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
