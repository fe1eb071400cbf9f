"""How a Trainer reads weights that are no pickle."""

from pathlib import Path
from typing import Any

from lightning.fabric.plugins import TorchCheckpointIO

from lightning_modules.checkpoints.store import read_weights


class WeightsIO(TorchCheckpointIO):
    """Reads what `scoretap export` wrote, for evaluation: it holds no state of a training."""

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return read_weights(Path(path))
