"""Augmentation of recordings, so that an evaluator learns what is said and not how it was recorded."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.audio.log_mel import LogMel
from lightning_modules.audio.vocoders import GriffinLim
from lightning_modules.ranges import BELOW_ONE, SHARE, check_ranges


class SpeechAugmentation(nn.Module):
    """Changes speed, place, level, noise and vocoder of each clip at random.

    Args:
        speed: largest relative change of speed (and pitch).
        shift: largest shift in seconds; the gap is filled with silence.
        gain_db: largest change of level, dB; an evaluator that ignores loudness notices it in faint clips only.
        noise_db: range of the level of added white noise, dB below the clip's root mean square.
        noise_share: probability that a clip gets noise.
        resynthesis_share: probability that a clip goes through its log-Mel and a short Griffin-Lim.
        sample_rate: samples per second, Hz.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(
        self,
        speed: float = 0.15,
        shift: float = 0.12,
        gain_db: float = 6.0,
        noise_db: tuple[float, float] = (10.0, 45.0),
        noise_share: float = 0.5,
        resynthesis_share: float = 0.25,
        sample_rate: int = 16000,
    ) -> None:
        check_ranges(
            speed=(speed, BELOW_ONE),
            shift=(shift, "[0, 60]"),
            gain_db=(gain_db, "[0, 200]"),
            noise_db=(noise_db, "[-200, 200]"),
            noise_share=(noise_share, SHARE),
            resynthesis_share=(resynthesis_share, SHARE),
        )
        super().__init__()
        self.speed, self.shift, self.gain_db, self.sample_rate = speed, shift, gain_db, sample_rate
        self.noise_db, self.noise_share, self.resynthesis_share = noise_db, noise_share, resynthesis_share
        front_end = LogMel(sample_rate)
        self._log_mel, self._vocoder = front_end, GriffinLim(front_end, num_iterations=8)

    @torch.no_grad()
    def forward(self, waveform: Tensor) -> Tensor:
        """Augmented copy of ``waveform`` ``(B, N)``, drawn from the global random state."""
        with torch.autocast(waveform.device.type, enabled=False):
            waveform = self._resample(waveform.float())
            rows = torch.rand(len(waveform), device=waveform.device) < self.resynthesis_share
            if rows.any():
                waveform[rows] = self._vocoder(self._log_mel(waveform[rows]))
            return self._add_noise(waveform) * 10.0 ** (self.gain_db * _uniform(len(waveform), waveform) / 20.0)

    def _resample(self, waveform: Tensor) -> Tensor:
        """Change speed and place by linear interpolation; outside the clip there is silence."""
        batch, length = waveform.shape
        factor = 1.0 + self.speed * _uniform(batch, waveform)
        offset = self.shift * self.sample_rate * _uniform(batch, waveform)
        positions = torch.arange(length, device=waveform.device) * factor + offset
        grid = torch.stack([2.0 * positions / (length - 1) - 1.0, torch.zeros_like(positions)], dim=-1)
        moved = F.grid_sample(waveform.reshape(batch, 1, 1, length), grid.unsqueeze(1), align_corners=True)
        return moved.reshape(batch, length)

    def _add_noise(self, waveform: Tensor) -> Tensor:
        low, high = self.noise_db
        level = (low + high) / 2 + (high - low) / 2 * _uniform(len(waveform), waveform)
        rms = waveform.square().mean(dim=1, keepdim=True).sqrt()
        noisy = (torch.rand_like(level) < self.noise_share).to(waveform)
        return waveform + noisy * rms * 10.0 ** (-level / 20.0) * torch.randn_like(waveform)


def _uniform(count: int, like: Tensor) -> Tensor:
    """``(count, 1)`` values, uniform in [-1, 1]."""
    return 2.0 * torch.rand(count, 1, device=like.device, dtype=like.dtype) - 1.0
