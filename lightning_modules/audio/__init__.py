"""Audio: front ends turn waveforms into features, vocoders turn log-Mels into waveforms; and losses between them."""

from lightning_modules.audio.augmentation import SpeechAugmentation
from lightning_modules.audio.decibel_mel import DecibelMel
from lightning_modules.audio.front_end import FrontEnd, Waveform
from lightning_modules.audio.log_mel import LogMel
from lightning_modules.audio.mel_augmentation import MelAugmentation
from lightning_modules.audio.mel_degradation import MelDegradation
from lightning_modules.audio.stft_losses import LongTermSpectrum, MelDistance, MultiResolutionSTFT
from lightning_modules.audio.vocoders import GriffinLim, Vocoder
