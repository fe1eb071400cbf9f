"""Small changes of log-Mels that leave the digit as it is, so that a critic cannot learn recordings by heart."""

import torch
from torch import Tensor

from lightning_modules.audio.log_mel import LogMel


class MelAugmentation:
    """Shifts log-Mels in time and changes their loudness, each example by its own amount.

    Args:
        shift: largest shift, in frames, to either side; the frame at the edge is repeated.
        gain_db: largest change of the level in dB, to either side; nothing falls below the floor.

    Raises:
        ValueError: a setting is negative.
    """

    def __init__(self, shift: int = 2, gain_db: float = 0.0) -> None:
        if shift < 0 or gain_db < 0:
            raise ValueError(f"shift and gain_db must be at least 0, got {shift} and {gain_db}")
        self.shift, self.gain_db = shift, gain_db

    def __call__(self, x_0: Tensor, front_end: LogMel) -> Tensor:
        """Changed copy of scaled log-Mels ``(B, 1, F, L)``, drawn from the global random state."""
        batch, frames = len(x_0), front_end.analysed_frames
        if self.shift:
            offsets = torch.randint(-self.shift, self.shift + 1, (batch, 1), device=x_0.device)
            places = torch.arange(x_0.shape[-1], device=x_0.device).clamp(max=frames - 1)  # padding repeats the last
            places = (places + offsets).clamp(0, frames - 1).reshape(batch, 1, 1, -1).expand_as(x_0)
            x_0 = x_0.gather(-1, places)
        if self.gain_db:
            nats = self.gain_db / 20.0 * torch.log(torch.tensor(10.0))
            level = (2.0 * torch.rand(batch, 1, 1, 1, device=x_0.device) - 1.0) * nats.to(x_0)
            x_0 = (x_0 + level * front_end.scaled_per_nat).clamp(min=-1.0)
        return x_0
