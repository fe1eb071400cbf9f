"""Vocoders, which turn a log-Mel spectrogram back into a waveform: their interface, and Griffin-Lim."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.transforms import GriffinLim as _GriffinLim

from lightning_modules.audio.front_end import leave_out_buffers
from lightning_modules.audio.log_mel import LogMel
from lightning_modules.errors import NonFiniteError
from lightning_modules.ranges import BELOW_ONE, STEPS, check_ranges


class Vocoder(nn.Module, ABC):
    """Interface of everything that turns scaled log-Mels into waveforms; chosen in YAML by ``class_path``.

    Args:
        front_end: the analysis whose log-Mels come in.
    """

    def __init__(self, front_end: LogMel | None = None) -> None:
        super().__init__()
        self.front_end = front_end or LogMel()

    def prepare(self) -> None:
        """Fetch and load what synthesis needs; called before a run starts, or else on first use."""

    @abstractmethod
    def synthesize(self, log_mel: Tensor) -> Tensor:
        """Waveforms ``(B, N)`` of natural-log Mels ``(B, F, frames)``."""

    @torch.no_grad()
    def forward(self, x_0: Tensor) -> Tensor:
        """Waveforms ``(B, num_samples)`` in [-1, 1] of scaled log-Mels ``x_0`` ``(B, 1, F, L)``.

        Raises:
            ValueError: the shape does not fit the front end.
            NonFiniteError: a value is NaN or infinite.
        """
        if x_0.shape[1:] != self.front_end.shape:
            raise ValueError(
                f"expected log-Mels (B, {', '.join(map(str, self.front_end.shape))}), got {tuple(x_0.shape)}"
            )
        if not torch.isfinite(x_0).all():
            raise NonFiniteError(
                "a log-Mel holds NaN or infinity, from which nothing can be synthesised: draw with more steps, a "
                "smaller guidance_scale or another sampler"
            )
        with torch.autocast(x_0.device.type, enabled=False):  # Fourier transforms know no half precision
            waveform = self.synthesize(self.front_end.to_log_mel(x_0.float()))
        missing = self.front_end.num_samples - waveform.shape[-1]
        return F.pad(waveform, (0, missing)).clamp(-1.0, 1.0)  # a negative pad trims


class GriffinLim(Vocoder):
    r"""Phase reconstruction without training (Griffin and Lim 1984; momentum of Perraudin et al. 2013).

    Linear magnitudes come from the Mel by the filter bank's pseudo-inverse, clipped to be non-negative. Phases start at
    zero, so that a clip's waveform depends on its Mel only.

    Args:
        front_end: the analysis whose log-Mels come in.
        num_iterations: phase updates.
        momentum: weight of the previous update, in [0, 1).
    """

    def __init__(self, front_end: LogMel | None = None, num_iterations: int = 60, momentum: float = 0.99) -> None:
        check_ranges(num_iterations=(num_iterations, STEPS), momentum=(momentum, BELOW_ONE))
        super().__init__(front_end)
        self.num_iterations, self.momentum = num_iterations, momentum
        fe = self.front_end
        self._phases = _GriffinLim(
            fe.n_fft,
            num_iterations,
            fe.n_fft,
            fe.hop_length,
            power=1.0,
            momentum=momentum,
            length=fe.num_samples,
            rand_init=False,
        )
        leave_out_buffers(self._phases)
        inverse = torch.linalg.pinv(fe.filter_bank.double()).float()  # (F, n_fft // 2 + 1)
        self.register_buffer("_inverse", inverse, persistent=False)

    def synthesize(self, log_mel: Tensor) -> Tensor:
        magnitude = torch.einsum("bfl,fk->bkl", log_mel.exp(), self._inverse).clamp(min=0.0)
        return self._phases(magnitude)
