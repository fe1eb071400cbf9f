"""Export: makes a model with a name, rounded weights and a card out of a training's checkpoint."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from datamodules.new_files import new_file
from lightning_modules.checkpoints.card_facts import read_facts
from lightning_modules.checkpoints.cards import card_text
from lightning_modules.checkpoints.catalogue import FOLDER, NAME, WEIGHTS, read_entry
from lightning_modules.checkpoints.reading import find_checkpoint, fingerprint, read_checkpoint, restore
from lightning_modules.checkpoints.store import restored
from lightning_modules.errors import InputError
from lightning_modules.locks import locked

FIELDS = ("epoch", "global_step", "pytorch-lightning_version", "hyper_parameters", "datamodule_hyper_parameters")
DISCRIMINATORS = "discriminators"  # of a vocoder: needed in training only, and larger than the synthesiser
PRECISION = 2.0**-10  # twice fp16's largest relative error


def export(checkpoint: str, name: str, card: str, output: str = str(FOLDER)) -> None:
    """Make a model with a name out of a training's checkpoint: NAME.safetensors in fp16, NAME.json and NAME.md.

    The weights are those averaged over training, if it averaged them. An earlier model of that name is overwritten.

    Args:
        checkpoint: checkpoint of any model, or its run's folder.
        name: name of the model: small letters, digits and hyphens.
        card: YAML file with the facts that a shipped NAME.json has under ``facts``; or such a JSON file, to copy them.
        output: folder to write to; by default that of the shipped models.

    Raises:
        InputError: the checkpoint, the name or the facts cannot be used, or the folder cannot be written.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"expected a name of small letters, digits and hyphens, got {name!r}: correct --name")
    folder = Path(output).expanduser()
    facts = _load_facts(Path(card).expanduser())
    with locked(folder / f"{name}{WEIGHTS}", otherwise="give another --name"):
        source = read_checkpoint(find_checkpoint(checkpoint))
        rounded, described = _describe(source, facts["corpus"])
        try:
            written = _write(folder / f"{name}{WEIGHTS}", rounded, {"facts": facts, **described})
        except OSError as error:
            raise InputError(f"cannot write {output!r} ({error.strerror}): choose another --output") from error
    print(f"{written} of {written.stat().st_size / 1e6:.2f} MB, its .json and its .md")


def _load_facts(path: Path) -> dict[str, Any]:
    """Read facts as plain values, and check them."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"cannot read facts from {str(path)!r} ({' '.join(str(error).split())})") from error
    facts = content["facts"] if path.suffix == ".json" and isinstance(content, dict) and "facts" in content else content
    read_facts(facts, str(path))
    return facts


def _describe(source: dict[str, Any], corpus: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights as they will be stored, and the description of model and training for the JSON file."""
    description = copy.deepcopy({key: source[key] for key in (*FIELDS, "scoretap") if key in source})
    weights = {k: v for k, v in source["state_dict"].items() if not k.startswith(f"{DISCRIMINATORS}.")}
    if DISCRIMINATORS in description["hyper_parameters"]:
        description["hyper_parameters"][DISCRIMINATORS] = None
    _remove_places(description.get("datamodule_hyper_parameters", {}), corpus)
    for teacher in (description["hyper_parameters"].get("teacher"), description["scoretap"].get("student")):
        if teacher is not None:  # where a student's teacher lies means nothing elsewhere: its fingerprint stays
            teacher["source"] = Path(teacher["source"]).name
    rounded = {name: round_to_half(name, tensor) for name, tensor in weights.items()}
    tensors = {name: restored(tensor) for name, tensor in rounded.items()}
    _renew_fingerprint(description, tensors)
    module = restore({**copy.deepcopy(description), "state_dict": tensors})
    front_end = getattr(getattr(module, "network", None), "front_end", module.front_end)
    return rounded, {
        "checkpoint": description,
        "front_end": {"class": type(front_end).__name__, **front_end.settings},
        "averaged": "raw_parameters" in source,
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "fingerprint": fingerprint(module.state_dict()),
        "trained_fingerprint": fingerprint(weights),
    }


def round_to_half(name: str, tensor: Tensor) -> Tensor:
    """``tensor`` in fp16 if it is float32 and fp16 holds its range precisely enough; else unchanged.

    Raises:
        InputError: it holds NaN.
    """
    if tensor.is_floating_point() and tensor.isnan().any():
        raise InputError(f"cannot export {name}: it holds NaN")
    if tensor.dtype != torch.float32 or not tensor.numel():
        return tensor
    half = tensor.half()
    error = (half.float() - tensor).abs().max()
    return half if error <= PRECISION * tensor.abs().max() else tensor  # infinities: the error is NaN


def _renew_fingerprint(description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Store the fingerprint that the rounded weights of the classifier inside a generator have.

    A classifier that was trained with the generator keeps that of its starting weights, too.
    """
    prefix = "classifier.network."
    stored = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
    if not stored:
        return
    if "backbone" in description["scoretap"]:
        description["scoretap"]["backbone"] = fingerprint(stored)
    else:
        description["scoretap"]["classifier"] = fingerprint(stored)
        description["hyper_parameters"]["classifier"]["fingerprint"] = fingerprint(stored)


def _remove_places(settings: dict[str, Any], corpus: str) -> None:
    """Remove absolute paths, which mean nothing elsewhere; the corpus is expected in ``data/CORPUS`` instead."""
    for name, value in settings.items():
        if isinstance(value, str) and Path(value).expanduser().is_absolute():
            settings[name] = f"data/{corpus}" if name == "root" else None


def _write(path: Path, rounded: dict[str, Tensor], description: dict[str, Any]) -> Path:
    from safetensors.torch import save

    content = save({name: tensor.contiguous() for name, tensor in rounded.items()})
    description |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    try:
        text = json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot export: settings must be plain values ({error})") from error
    with new_file(path) as weights:
        weights.write_bytes(content)
    with new_file(path.with_suffix(".json")) as facts:
        facts.write_text(text, encoding="utf-8")
    with new_file(path.with_suffix(".md")) as card:
        card.write_text(card_text(read_entry(path.with_suffix(".json"))), encoding="utf-8")
    return path
