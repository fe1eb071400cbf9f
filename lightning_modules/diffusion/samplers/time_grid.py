"""Where in diffusion time a sampler places its steps."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lightning_modules.diffusion.sde import VPSDE


class TimeGrid(ABC):
    """Decreasing diffusion times from 1 to ``sde.t_min``; chosen in YAML by ``class_path``."""

    @abstractmethod
    def __call__(self, num_steps: int, sde: VPSDE) -> Tensor:
        """Times ``(num_steps + 1,)`` in float64."""


class UniformTime(TimeGrid):
    """Equal steps in diffusion time."""

    def __call__(self, num_steps: int, sde: VPSDE) -> Tensor:
        return torch.linspace(1.0, sde.t_min, num_steps + 1, dtype=torch.float64)
