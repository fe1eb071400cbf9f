"""Resolving a command line for LightningCLI: names of configs and checkpoints, and stored settings."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning_modules.checkpoints.catalogue import names
from lightning_modules.checkpoints.reading import data_config, find_checkpoint, model_config, read_checkpoint
from lightning_modules.checkpoints.structure import check_resumable
from lightning_modules.command_line.stored_places import without_places
from lightning_modules.command_line.yaml_limits import check_value, read_yaml
from lightning_modules.errors import InputError
from lightning_modules.trust import check_trust

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
LIGHTNING_NAMES = ("best", "last", "hpc")  # resolved by the Trainer itself


def resolve_arguments(command: str, args: list[str]) -> list[str]:
    """Replace names by paths, and put the settings that a checkpoint stores in front where the command gives none.

    Later arguments win, so flags always win over settings of a checkpoint.

    Raises:
        InputError: a config or checkpoint does not exist or cannot be read.
    """
    resolved: list[str] = []
    blocks: set[str] = set()
    checkpoint: dict[str, Any] | None = None
    for flag, value in flag_pairs(args):
        if flag not in ("--config", "-c", "--ckpt_path") and value is not None:
            check_value(flag, value)
        if flag in ("--config", "-c") and value is not None:
            path = find_config(value)
            blocks |= _top_level_blocks(path)
            resolved += ["--config", str(path)]
        elif flag == "--ckpt_path" and value is not None:
            if value in LIGHTNING_NAMES and command == "fit":
                resolved += [flag, value]
                continue
            path = find_checkpoint(value)
            checkpoint = read_checkpoint(path)
            if command == "fit" and "optimizer_states" not in checkpoint:
                raise InputError(
                    f"{value!r} holds weights only and no optimiser's state, from which training could go on: give a "
                    ".ckpt file of a run of yours, or validate, test or predict"
                )
            if command == "fit":
                check_resumable(checkpoint, repr(value))
            resolved += [flag, str(path)]
        elif flag == "--vocoder" and value in names(kind="vocoder"):
            resolved += [flag, "NeuralVocoder", "--vocoder.init_args.checkpoint", value]
        else:
            if flag in ("--model", "--data") and value is not None:
                blocks.add(flag[2:])
            resolved += [flag] if value is None else [flag, value]
    if checkpoint is None and command == "predict" and not _asks_for_help(args):
        raise InputError("predict needs a trained model: give --ckpt_path the path of a generator's checkpoint")
    stored = {} if checkpoint is None else _stored(command, checkpoint, blocks)
    check_trust(stored)
    if "data" in stored:
        without_places(stored["data"])
    return (
        (["--config", json.dumps(stored)] if stored else [])
        + _defaults(command, checkpoint, blocks, resolved)
        + resolved
    )


def find_config(name: str) -> Path:
    """Find a config file by its path, or by its name in the packaged ``configs``, such as ``data/sc09``.

    Raises:
        InputError: there is no such file; lists the packaged names of that folder, or the folders.
    """
    for path in (Path(name), CONFIGS / f"{name}.yaml", CONFIGS / name):
        if path.is_file():
            return path
    known = sorted(str(path.relative_to(CONFIGS).with_suffix("")) for path in CONFIGS.rglob("*.yaml"))
    folder = name.partition("/")[0]
    names = [other for other in known if other.startswith(f"{folder}/")]
    names = names or list(dict.fromkeys(other.partition("/")[0] + "/…" * ("/" in other) for other in known))
    raise InputError(f"no config {name!r}: expected a file, or one of {', '.join(names)}")


def flag_pairs(args: list[str]) -> Iterator[tuple[str, str | None]]:
    """Split arguments into flags and their values; ``--a=b`` and ``--a b`` give the same."""
    i = 0
    while i < len(args):
        flag, equals, value = args[i].partition("=")
        if equals or not flag.startswith("-"):
            yield (flag, value) if equals else (args[i], None)
        elif i + 1 < len(args) and not _is_flag(args[i + 1]):
            yield flag, args[i + 1]
            i += 1
        else:
            yield flag, None
        i += 1


def _is_flag(word: str) -> bool:
    return word.startswith("--") or word in ("-c", "-h")


def _asks_for_help(args: list[str]) -> bool:
    return any(word in ("-h", "--help") or word.startswith("--print_config") for word in args)


def _top_level_blocks(path: Path) -> set[str]:
    """Top-level keys of a config file, without those that only change settings of a class named in another file."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"config {str(path)!r} must hold keys and values, it holds {type(content).__name__}")
    if bad := next((key for key in content if not isinstance(key, str)), None):
        raise InputError(f"config {str(path)!r} has {bad!r} as a key: expected the name of a setting")
    return {key for key, value in content.items() if not isinstance(value, dict) or "class_path" in value}


def _stored(command: str, checkpoint: dict[str, Any], blocks: set[str]) -> dict[str, Any]:
    """Settings of model and data that the checkpoint stores and the command does not give."""
    stored: dict[str, Any] = {}
    if "model" not in blocks:
        stored["model"] = model_config(checkpoint)
    if "data" not in blocks and command != "predict" and (data := data_config(checkpoint)) is not None:
        stored["data"] = data
    if "sampling" in checkpoint["scoretap"]:  # of a student, which draws in its own way
        stored["sampling"] = copy.deepcopy(checkpoint["scoretap"]["sampling"])
    return stored


def _defaults(command: str, checkpoint: dict[str, Any] | None, blocks: set[str], resolved: list[str]) -> list[str]:
    """Default settings: only ``fit`` writes logs; ``predict`` draws each digit once, or ten samples without digit."""
    if command == "fit":
        return []
    defaults: dict[str, Any] = {"trainer": {"logger": False}}
    if command == "predict":
        defaults["return_predictions"] = False  # the sample writer keeps them on disk
    if command == "predict" and "data" not in blocks:
        classifier = checkpoint["hyper_parameters"].get("classifier") if checkpoint else None
        requests = {"labels": classifier["labels"]} if classifier else {"labels": [], "count": 10}
        gives_labels = any(word.startswith(("--data.init_args.csv", "--data.init_args.labels")) for word in resolved)
        defaults["data"] = {"class_path": "datamodules.SampleRequests", "init_args": {} if gives_labels else requests}
    return ["--config", json.dumps(defaults)]
