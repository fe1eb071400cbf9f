"""Models of each size with random weights, on which the cost of a network does not depend."""

from typing import Any

import torch
import yaml

from lightning_modules.bases.generator import Generator
from lightning_modules.checkpoints.reading import build
from lightning_modules.command_line.arguments import find_config
from lightning_modules.evaluator import EvaluatorModule

SUBNET, FEATURES, UNET, UNET_GUIDED = "Score Subnet", "Score Subnet, no gradient taps", "U-Net", "U-Net + classifier"


def _config(name: str, size: str) -> dict[str, Any]:
    """Class path and arguments of a shipped model; the tiny ones are those that the tests train."""
    if size == "tiny":
        import tiny

        model = tiny.CONFIGS[name]["model"]
    else:
        model = yaml.safe_load(find_config(f"{size}/{name}").read_text())["model"]
    return {"class_path": model["class_path"], "init_args": dict(model["init_args"])}


def _classifier(size: str) -> dict[str, Any]:
    config = _config("classifier", size)
    for name in ("optimization", "times"):  # of its training
        config["init_args"].pop(name, None)
    return {**config, "labels": list(range(10)), "fingerprint": "random weights"}


def make_generator(name: str, size: str, device: torch.device) -> Generator:
    """The generator that tables call ``name``, with random weights.

    Raises:
        KeyError: there is none of that name.
    """
    changes: dict[str, dict[str, Any]] = {
        SUBNET: {"classifier": _classifier(size)},
        FEATURES: {"classifier": _classifier(size), "signals": "feature"},
        UNET: {"classifier": None},
        UNET_GUIDED: {"classifier": _classifier(size)},
    }
    config = _config("unet" if name in (UNET, UNET_GUIDED) else "score_subnet", size)
    torch.manual_seed(0)
    module = build(config["class_path"], **{**config["init_args"], **changes[name]})
    return _randomized(module).to(device)


def make_evaluator(size: str, device: torch.device) -> EvaluatorModule:
    """The evaluator of that size, with random weights."""
    config = _config("evaluator", size)
    config["init_args"].pop("augmentation", None)
    torch.manual_seed(0)
    return build(config["class_path"], **config["init_args"]).eval().to(device)


def _randomized(module: Any) -> Any:
    """Give small weights to layers that start at zero, because processors may be faster with zeros."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.normal_(std=0.02)
    return module
