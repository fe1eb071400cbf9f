"""Fine-tuning: a training that starts from the weights of another run."""

from typing import Any

from lightning.pytorch import LightningModule

from lightning_modules.checkpoints.reading import check_fits, find_checkpoint, read_checkpoint
from lightning_modules.errors import InputError


def take_weights(module: LightningModule, source: str) -> None:
    """Give ``module`` the weights of ``source``: the averaged ones, if that run averaged them.

    Optimiser, schedule and step counter start anew, unlike with ``ckpt_path``. Parts that only one of the two has stay
    as they are, such as discriminators, which are not exported.

    Args:
        module: the module that is to be trained.
        source: checkpoint, run folder or name of a shipped model.

    Raises:
        InputError: there is no such checkpoint, or its weights do not fit.
    """
    checkpoint = read_checkpoint(find_checkpoint(source))
    weights = checkpoint["state_dict"]
    common = _parts(weights) & _parts(module.state_dict())
    try:
        check_fits(checkpoint, module, common)
    except InputError as error:
        raise InputError(f"cannot start from the weights of {source!r}: {error}") from error
    module.load_state_dict({name: w for name, w in weights.items() if _part(name) in common}, strict=False)


def _part(name: str) -> str:
    return name.partition(".")[0]


def _parts(weights: dict[str, Any]) -> set[str]:
    return {_part(name) for name in weights}
