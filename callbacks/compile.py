"""A callback that compiles the network that is trained."""

from lightning.pytorch import Callback, LightningModule, Trainer

from lightning_modules.diffusion.compiled import backend_of
from lightning_modules.errors import InputError


class Compile(Callback):
    """Compiles the network that is trained, in place, by ``torch.compile``; meant for GPUs.

    Of a Score Subnet only the decoder is compiled: gradients of the frozen backbone's taps cannot be. Drawing has its
    own flag, ``--sampling.compile``. Losses differ by rounding, in float32 by about 1e-6; checkpoints made with and
    without this callback load into each other. Training, validation and a last, smaller batch need a graph each: some
    minutes on a CPU, where little is gained.

    Args:
        backend: of ``torch.compile``.

    Raises:
        InputError: there is no such backend, or it finds no C++ compiler.
    """

    def __init__(self, backend: str = "inductor") -> None:
        backend_of(backend)
        self.backend = backend

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not hasattr(pl_module, "network"):
            raise InputError(f"Compile compiles a network, {type(pl_module).__name__} has none: leave the callback out")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not before: until now costs are counted, and a counter sees no operators of a compiled network.
        pl_module.network.compile(backend=self.backend)  # type: ignore[operator, union-attr]
