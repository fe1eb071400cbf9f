"""The script that every process of a multi-process test runs: `torchrun ranks.py '<JSON list of command lines>'`.

The processes are started as torchrun and SLURM would start them; one launch serves several commands.
"""

import json
import os
import signal
import sys

import torch
from lightning.pytorch import Callback


class JoinedNoise(Callback):
    """Makes the noise of training depend on the item only, and stores the reduced gradients of the first step.

    Args:
        file: where process 0 saves the gradients.
    """

    def __init__(self, file: str) -> None:
        self.file = file

    def on_fit_start(self, trainer, pl_module):
        def training_step(batch, batch_idx):
            return pl_module._step("train", batch, *pl_module.fixed_noise(batch.x_0, batch.index))

        pl_module.training_step = training_step

    def on_after_backward(self, trainer, pl_module):
        if trainer.global_step == 0 and trainer.is_global_zero:
            gradients = {name: p.grad.cpu().clone() for name, p in pl_module.named_parameters() if p.grad is not None}
            torch.save(gradients, self.file)


class SpoilLastProcess(Callback):
    """Gives the last process, and no other, a NaN in the second step."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == 1 and trainer.global_rank == trainer.world_size - 1:
            batch.x_0[0] = float("nan")


class Die(Callback):
    """Kills its process in the step that the environment variable DIE_AT_STEP names."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if os.environ.get("DIE_AT_STEP") == str(trainer.global_step):
            os.kill(os.getpid(), signal.SIGKILL)


def run(commands):
    """Run command lines one after the other in this process; one that is spoilt must stop by itself."""
    from lightning_modules.cli import main

    for command in commands:
        print("scoretap", *command, flush=True)
        assert main(command) == (1 if "--trainer.callbacks+=ranks.SpoilLastProcess" in command else 0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(json.loads(sys.argv[1]))
