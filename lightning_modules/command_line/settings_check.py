"""Checks of all settings of a command at once, before anything is built of them."""

import math
from collections.abc import Iterator
from typing import Any

from lightning_modules.errors import InputError
from lightning_modules.ranges import FINITE, GLOBAL_SEED, check_ranges

CHECKED_PACKAGES = ("lightning_modules", "datamodules", "callbacks", "lightning", "torch", "torchmetrics")
MAY_BE_INFINITE = ("high",)  # of a guidance interval without an upper end
NAMED = {"patience": "[0, 1000000000]", "stopping_threshold": FINITE, "min_delta": FINITE}  # of Lightning's callbacks
MACHINES = "[-1, 100000]"  # processes of one node, or nodes; -1 for all devices
PLACES = (
    "cache_dir", "checkpoint", "ckpt_path", "classifier", "csv", "default_root_dir", "dirpath", "evaluator", "folder",
    "reference", "root", "source", "weights_from",
)  # fmt: skip


def check_config(config: dict[str, Any]) -> None:
    """Refuse what no setting may be: NaN, an infinity, an integer beyond 64 bits, an empty path, a seed out of range.

    Numbers of a user's own classes are not looked at.

    Args:
        config: settings of a command as the parser gives them, nested by name.

    Raises:
        InputError: names the setting.
    """
    seed = config.get("seed_everything")
    if not isinstance(seed, bool):
        check_ranges(seed_everything=(seed, GLOBAL_SEED))
    trainer = config.get("trainer") or {}
    for name in ("devices", "num_nodes"):
        if (text := str(trainer.get(name))).isdecimal():  # `devices` may be a text too
            check_ranges(**{f"trainer.{name}": (int(text), MACHINES)})
    for name, value in _leaves(config, ""):
        last = name.rpartition(".")[2]
        if last in NAMED and name.startswith("trainer."):
            check_ranges(**{name: (value, NAMED[last])})
        if isinstance(value, float) and not math.isfinite(value):
            if math.isnan(value) or last not in MAY_BE_INFINITE:
                raise InputError(f"{name} must be a finite number, got {value}: correct {last}")
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise InputError(f"{name} must fit into 64 bits, got {str(value)[:40]}: correct {last}")
        elif isinstance(value, str) and last in PLACES and not value.strip():
            raise InputError(f"{name} must name a file or folder, got an empty text: give one, or leave {last} out")


def check_texts(settings: dict[str, Any]) -> None:
    """Refuse an empty text where a command takes one: an empty path would mean the folder where one stands.

    Raises:
        InputError: names the setting.
    """
    for name, value in settings.items():
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and not text.strip() for text in texts):
            raise InputError(f"{name} must not be empty: give a name or path, or leave it out")
        if any(isinstance(number, float) and not math.isfinite(number) for number in texts):
            raise InputError(f"{name} must be a finite number, got {value}: correct --{name}")


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """All values below ``value`` that are no mapping or list, with their dotted names."""
    if isinstance(value, dict):
        owner = value.get("class_path")
        if isinstance(owner, str) and owner.partition(".")[0] not in CHECKED_PACKAGES:
            return
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part, name)
    else:
        yield name, value
