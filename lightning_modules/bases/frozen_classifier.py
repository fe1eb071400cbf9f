"""A pretrained classifier inside a generator: opened once as a checkpoint, stored ever after as a description."""

import os
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from lightning_modules.bases.classes import check_logits, try_out
from lightning_modules.checkpoints.reading import build, find_checkpoint, fingerprint, model_config, read_checkpoint
from lightning_modules.diffusion import VPSDE
from lightning_modules.errors import InputError
from lightning_modules.trust import check_trust

BackboneMode = Literal["frozen", "fine-tuned", "random"]


class FrozenClassifier(nn.Module):
    """The network of a described classifier: it gets no gradients and stays in evaluation mode.

    Args:
        description: as :func:`describe_classifier` gives it.
        seed: of the initial weights, which stay where none are loaded; None draws them from the global random state.

    Attributes:
        description: plain values from which this classifier can be built again, its weights aside.
        network: the classifier network.
        scaling: how it reads ``(x_t, t)``.
        front_end: analysis that it was trained on.
        labels: digits that it was trained on.
        fingerprint: of the weights of the checkpoint that it came from.
    """

    def __init__(self, description: dict[str, Any], seed: int | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            module = build(description["class_path"], **description["init_args"])
        self.description = description
        self.network = module.network.requires_grad_(False)
        self.scaling, self.sde = module.scaling, module.sde
        # Not a submodule: the module around this one shares it, trains with it, and it is not frozen.
        object.__setattr__(self, "front_end", module.front_end)
        self.labels = list(description["labels"])
        self.fingerprint = description["fingerprint"]
        self.eval()

    def train(self, mode: bool = True) -> "FrozenClassifier":
        """Stay in evaluation mode whatever the module around this one does."""
        return super().train(False)

    def check_classes(self) -> None:
        """Refuse a network whose logits do not fit the digits that it was trained on.

        Raises:
            InputError: says how many logits there are and how many there should be.
        """
        weight = next(self.network.parameters())
        x_t = torch.zeros(2, *self.front_end.shape, device=weight.device)
        t = torch.full((2,), 0.5, device=weight.device)
        logits = try_out(self.network, lambda: self.network(*self.scaling(x_t, t)), "(x_t, c_noise) to logits (B, K)")
        check_logits(logits, self.labels, self.network)

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


def open_classifier(source: str | dict[str, Any], mode: BackboneMode = "frozen") -> FrozenClassifier:
    """Build a frozen classifier from a checkpoint, or from the description of one.

    Args:
        source: path or name of a classifier checkpoint, whose weights are loaded; or the description of a classifier,
            whose weights come with those of the generator.
        mode: with ``random``, the checkpoint's weights are replaced by some that nobody trained.

    Raises:
        InputError: the file is no classifier checkpoint.
    """
    if isinstance(source, dict):
        return FrozenClassifier(source)
    description, weights = describe_classifier(source)
    if mode == "random":
        return untrained_classifier(description)
    classifier = FrozenClassifier(description)
    classifier.network.load_state_dict(weights)
    return classifier


def describe_classifier(path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read description and weights of the classifier checkpoint at ``path``.

    Returns:
        The description, plain values only: ``class_path``, ``init_args``, ``labels`` and ``fingerprint``; and the
        state dictionary of its network.

    Raises:
        InputError: the file is no classifier checkpoint.
    """
    checkpoint = read_checkpoint(find_checkpoint(str(path)))
    config = model_config(checkpoint)
    check_trust(checkpoint["hyper_parameters"], f"the checkpoint {str(path)!r}")
    if config["class_path"].rsplit(".", 1)[-1] != "ClassifierModule":
        raise InputError(
            f"expected a classifier checkpoint, {str(path)!r} holds a {config['class_path']}: pretrain one first"
        )
    prefix = "network."
    weights = {k[len(prefix) :]: v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
    # Training settings of the classifier are of no use to its reader.
    for name in ("optimization", "times", "clean"):
        config["init_args"].pop(name, None)
    if "labels" not in checkpoint["scoretap"]:
        raise InputError(f"the checkpoint {str(path)!r} does not say on which digits it was trained: use another copy")
    return {**config, "labels": checkpoint["scoretap"]["labels"], "fingerprint": fingerprint(weights)}, weights


def untrained_classifier(description: dict[str, Any]) -> FrozenClassifier:
    """Build the described classifier with random weights: a control that shows what the trained ones are worth.

    The weights depend on the run's seed alone, so that all processes, and a run that is resumed, have the same. The
    description that the classifier holds has their fingerprint.
    """
    classifier = FrozenClassifier(description, seed=int(os.environ.get("PL_GLOBAL_SEED", "0")))
    classifier.fingerprint = fingerprint(classifier.network.state_dict())
    classifier.description = {**description, "fingerprint": classifier.fingerprint}
    return classifier
