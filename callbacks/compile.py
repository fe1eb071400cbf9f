"""Training with compiled networks."""

from lightning.pytorch import Callback, LightningModule, Trainer

from lightning_modules.diffusion.compiled import backend_of
from lightning_modules.errors import InputError


class Compile(Callback):
    """Compiles the network that is trained, in place, by ``torch.compile``; meant for GPUs.

    Of a Score Subnet the decoder alone: the frozen backbone and its taps, whose gradients cannot be compiled there, run
    as they are. Drawing has its own flag, ``--sampling.compile``. Losses differ by rounding, in float32 by about 1e-6;
    checkpoints made with and without this callback load into each other. Training and validation, and a last batch that
    is smaller, need a graph each: some minutes on a CPU, where little is gained.

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
        # Not before: costs are counted, and the first validation is run, by operators that a counter can see.
        pl_module.network.compile(backend=self.backend)  # type: ignore[operator, union-attr]
