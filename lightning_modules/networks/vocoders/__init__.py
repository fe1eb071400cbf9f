"""Networks that turn log-Mel frames into waveforms, and the discriminators that one of them is trained against."""

from lightning_modules.networks.vocoders.convnext_istft import ConvNeXtISTFT
from lightning_modules.networks.vocoders.discriminators import Discriminators
from lightning_modules.networks.vocoders.hifigan import HiFiGANGenerator
from lightning_modules.networks.vocoders.mel_to_waveform import MelToWaveform

__all__ = ["ConvNeXtISTFT", "Discriminators", "HiFiGANGenerator", "MelToWaveform"]
