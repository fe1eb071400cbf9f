"""A pretrained classifier inside another module: given as a checkpoint once, kept as a description ever after."""

import os
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from lightning_modules.checkpoints.reading import build, find_checkpoint, fingerprint, model_config, read_checkpoint
from lightning_modules.diffusion import VPSDE
from lightning_modules.errors import InputError


def describe_classifier(path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Description and weights of the classifier checkpoint at ``path``.

    Returns:
        The description, plain values only: ``class_path``, ``init_args``, ``labels`` and ``fingerprint``; and the
        state dictionary of its network.

    Raises:
        InputError: the file is no classifier checkpoint.
    """
    checkpoint = read_checkpoint(find_checkpoint(str(path)))
    config = model_config(checkpoint)
    if config["class_path"].rsplit(".", 1)[-1] != "ClassifierModule":
        raise InputError(
            f"expected a classifier checkpoint, {str(path)!r} holds a {config['class_path']}: pretrain one first"
        )
    prefix = "network."
    weights = {k[len(prefix) :]: v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
    # Training settings of the classifier are of no use to its reader.
    for name in ("optimization", "times", "clean"):
        config["init_args"].pop(name, None)
    return {**config, "labels": checkpoint["scoretap"]["labels"], "fingerprint": fingerprint(weights)}, weights


BackboneMode = Literal["frozen", "fine-tuned", "random"]


class FrozenClassifier(nn.Module):
    """The network of a described classifier: no gradients, always in evaluation mode.

    Args:
        description: as :func:`describe_classifier` gives it; ``class_path`` and ``init_args`` suffice.
        seed: of the initial weights, which stay where none are loaded; None draws them from the global random state.

    Attributes:
        network: the classifier network.
        scaling: how it reads ``(x_t, t)``.
        front_end: analysis that it was trained on.
        labels: digits that it was trained on.
    """

    def __init__(self, description: dict[str, Any], seed: int | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            module = build(description["class_path"], **description["init_args"])
        self.network = module.network.requires_grad_(False)
        self.scaling, self.sde = module.scaling, module.sde
        object.__setattr__(self, "front_end", module.front_end)  # shared with the module around this one, not frozen
        self.labels = list(description["labels"])
        self.fingerprint = description["fingerprint"]
        self.eval()

    def train(self, mode: bool = True) -> "FrozenClassifier":
        """Stays in evaluation mode whatever the module around it does."""
        return super().train(False)

    def check_sde(self, sde: VPSDE) -> None:
        """Refuse a process in which t means another noise level.

        Raises:
            InputError: names every setting that differs.
        """
        mine, theirs = vars(self.sde), vars(sde)
        if differences := [
            f"{name}: {mine[name]} against {theirs[name]}" for name in mine if mine[name] != theirs[name]
        ]:
            raise InputError(
                f"classifier and score network must share one SDE, they differ in {'; '.join(differences)}"
            )


def control(description: dict[str, Any]) -> FrozenClassifier:
    """The described classifier with weights that nobody trained: what taps are worth without its knowledge.

    They depend on the run's seed alone, so that all processes, and a run that goes on, have the same. ``description``
    receives their fingerprint.
    """
    classifier = FrozenClassifier(description, seed=int(os.environ.get("PL_GLOBAL_SEED", "0")))
    classifier.fingerprint = description["fingerprint"] = fingerprint(classifier.network.state_dict())
    return classifier
