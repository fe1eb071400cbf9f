"""Reads and checks checkpoints, and rebuilds models from the class and the plain arguments stored in them."""

import copy
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, NoReturn, cast

import torch
from jsonargparse import ArgumentParser
from lightning.pytorch import LightningModule
from lightning.pytorch.core.mixins.hparams_mixin import _given_hyperparameters_context
from torch import Tensor

from lightning_modules.checkpoints.catalogue import WEIGHTS, is_name
from lightning_modules.checkpoints.saving import newest_whole, read_file
from lightning_modules.checkpoints.store import named_weights, read_weights
from lightning_modules.checkpoints.structure import check_structure
from lightning_modules.errors import InputError
from lightning_modules.interruption import SignalError
from lightning_modules.trust import check_trust

_INSTANTIATOR = "lightning.pytorch.cli.instantiate_module"


def fingerprint(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of ``tensors``, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Contents of a scoretap checkpoint, on the CPU, without running code from it.

    Exported weights give the same, without the states that only training needs.

    Raises:
        InputError: the file is missing, damaged, or was not written by scoretap.
    """
    path = Path(path)
    if path.suffix == WEIGHTS:
        return read_weights(path)
    checkpoint = read_file(path)
    check_structure(checkpoint, repr(str(path)))
    _check_tensors(checkpoint, "state_dict", repr(str(path)))
    if "raw_parameters" in checkpoint:
        _check_tensors(checkpoint, "raw_parameters", repr(str(path)))
        _check_averaged(checkpoint, repr(str(path)))
    return cast(dict[str, Any], checkpoint)


def _check_tensors(checkpoint: dict[str, Any], name: str, source: str) -> None:
    tensors = checkpoint.get(name)
    if not isinstance(tensors, dict) or not all(
        isinstance(key, str) and isinstance(tensor, Tensor) and tensor.layout is torch.strided and not tensor.is_meta
        for key, tensor in tensors.items()
    ):
        raise InputError(f"cannot use {source}, it is damaged: its {name} holds no tensors by name: use another copy")


def _check_averaged(checkpoint: dict[str, Any], source: str) -> None:
    averages = checkpoint["state_dict"]
    for name, raw in checkpoint["raw_parameters"].items():
        if name not in averages or averages[name].shape != raw.shape:
            raise InputError(f"cannot use {source}, it is damaged: it has no average of {name}: use another copy")


def find_checkpoint(name: str) -> Path:
    """The file that ``name`` means: itself, ``last.ckpt`` of a run's folder, or the weights of a shipped model.

    A file or folder called ``name`` is preferred to a shipped model of that name.

    Raises:
        InputError: there is none, or a model's weights cannot be fetched.
    """
    path = Path(name)
    if not path.is_dir():
        # A missing file is named by read_checkpoint.
        return named_weights(name) if is_name(name) and not path.exists() else path
    for candidate in (path / "last.ckpt", path / "checkpoints" / "last.ckpt"):
        if candidate.is_file():
            return candidate
    good = newest_whole(path / "checkpoints") or newest_whole(path)
    advice = "give the path of a .ckpt file" if good is None else f"the newest that is whole is {str(good)!r}"
    raise InputError(f"no last.ckpt in {name!r} or its checkpoints folder: {advice}")


def model_config(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Class and arguments of the stored module: ``{"class_path": ..., "init_args": ...}``."""
    arguments = {k: v for k, v in checkpoint["hyper_parameters"].items() if not k.startswith("_")}
    return {"class_path": checkpoint["hyper_parameters"]["_class_path"], "init_args": arguments}


def data_config(checkpoint: dict[str, Any]) -> dict[str, Any] | None:
    """Class and arguments of the data module that the checkpoint was trained on, or None."""
    stored = checkpoint.get("datamodule_hyper_parameters")
    if not stored or "_class_path" not in stored:
        return None
    return {
        "class_path": stored["_class_path"],
        "init_args": {k: v for k, v in stored.items() if not k.startswith("_")},
    }


def build(class_path: str, **init_args: Any) -> Any:
    """A LightningModule from its class path and plain arguments, typed and checked as on the command line.

    Modules that are built here, or by the command line, can be saved and rebuilt; one whose constructor was given live
    objects cannot.

    Raises:
        jsonargparse.ArgumentError: an argument is unknown or has the wrong type.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(LightningModule, "module")
    # Parsing rewrites nested dictionaries in place; what the module remembers of itself must stay plain.
    config = parser.parse_object({"module": {"class_path": class_path, "init_args": copy.deepcopy(init_args)}})
    with _given_hyperparameters_context({"_class_path": class_path, **copy.deepcopy(init_args)}, _INSTANTIATOR):
        return parser.instantiate_classes(config).module


def restore(checkpoint: dict[str, Any]) -> Any:
    """The module stored in ``checkpoint``, with its weights, in evaluation mode.

    Raises:
        InputError: the weights do not fit the stored arguments.
    """
    check_trust(checkpoint["hyper_parameters"])
    config = model_config(checkpoint)
    try:
        module = build(config["class_path"], **config["init_args"])
        module.on_load_checkpoint(checkpoint)
    except Exception as error:  # settings of anything else make constructors raise anything
        refuse_stored(error, f"the checkpoint's {config['class_path']}")
    check_fits(checkpoint, module)
    module.load_state_dict(checkpoint["state_dict"])
    return module.eval()


def refuse_stored(error: Exception, what: str) -> NoReturn:
    """Raise an InputError instead of what building from stored settings raised.

    Raises:
        InputError: ``error`` itself, if it is one; else one that says that the settings are damaged.
    """
    if isinstance(error, InputError | OSError | SignalError):
        raise error
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip(" -")]
    reason = f"{type(error).__name__}: {lines[-1][:200]}" if lines else type(error).__name__
    raise InputError(
        f"cannot build {what} from the stored settings, they are damaged or another version's ({reason}): use another "
        "copy, or give the settings of its training"
    ) from error


def check_fits(checkpoint: dict[str, Any], module: LightningModule, parts: Collection[str] | None = None) -> None:
    """Refuse a checkpoint whose weights are not those of ``module``.

    Args:
        checkpoint: content of a checkpoint, by :func:`read_checkpoint`.
        module: the module that is to get the weights.
        parts: names of the sub-modules to compare; None for all.

    Raises:
        InputError: names the class, or the first tensor, that differs.
    """
    stored, class_name = checkpoint["state_dict"], type(module).__name__
    if (stored_class := model_config(checkpoint)["class_path"].rsplit(".", 1)[-1]) != class_name:
        raise InputError(f"the checkpoint holds a {stored_class}, the command asks for a {class_name}: give one only")
    expected, classifier = checkpoint["scoretap"].get("classifier"), getattr(module, "classifier", None)
    if expected is not None and classifier is not None and classifier.fingerprint != expected:
        raise InputError(
            f"the checkpoint's classifier is {expected[:12]}, the command gives {classifier.fingerprint[:12]}: "
            "leave out --model.init_args.classifier, or train anew"
        )
    _check_finite(module, stored, parts)
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    different = [name for name in {**shapes, **found} if shapes.get(name) != found.get(name)]
    if different := [name for name in different if parts is None or name.partition(".")[0] in parts]:
        name = different[0]
        raise InputError(
            f"the checkpoint's weights do not fit the {class_name} asked for: {name} is {found.get(name, 'missing')} "
            f"in the checkpoint and {shapes.get(name, 'missing')} in the model: use the settings of its training"
        )


def _check_finite(module: LightningModule, stored: dict[str, Tensor], parts: Collection[str] | None) -> None:
    """Refuse weights, or running statistics, that hold a NaN or an infinity; masks may."""
    names = {name for name, _ in module.named_parameters()}
    for name, tensor in stored.items():
        learned = name in names or name.endswith((".running_mean", ".running_var"))
        if learned and (parts is None or name.partition(".")[0] in parts) and not bool(torch.isfinite(tensor).all()):
            raise InputError(
                f"the weights of the {type(module).__name__} are not finite ({name} holds a NaN or an infinity): "
                "use a checkpoint from before it diverged, or another copy"
            )


def load_module(path: str | Path) -> Any:
    """The module stored at ``path``, with its weights; :func:`read_checkpoint` and :func:`restore` raise errors."""
    return restore(read_checkpoint(path))
