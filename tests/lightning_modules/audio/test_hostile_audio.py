"""Settings of front ends, vocoders and augmentation out of their ranges."""

import pytest
from tiny import check_refusal

from lightning_modules.audio import (
    GriffinLim,
    LogMel,
    MelDegradation,
    MultiResolutionSTFT,
    SpeechAugmentation,
    Waveform,
)

NAN, INF = float("nan"), float("inf")

CASES = [
    (lambda: Waveform(sample_rate=0), "sample_rate"),
    (lambda: Waveform(sample_rate=-1), "sample_rate"),
    (lambda: Waveform(sample_rate=10**9), "sample_rate"),
    (lambda: Waveform(sample_rate=NAN), "sample_rate"),
    (lambda: Waveform(num_samples=0), "num_samples"),
    (lambda: Waveform(num_samples=10**12), "num_samples"),
    (lambda: LogMel(num_frames=10**9), "num_frames"),
    (lambda: LogMel(num_frames=0), "num_frames"),
    (lambda: LogMel(num_frames=-1), "num_frames"),
    (lambda: LogMel(hop_length=0), "hop_length"),
    (lambda: LogMel(hop_length=-1), "hop_length"),
    (lambda: LogMel(n_fft=10**9), "n_fft"),
    (lambda: LogMel(n_mels=0), "n_mels"),
    (lambda: LogMel(f_min=NAN), "f_min"),
    (lambda: LogMel(f_max=INF), "f_max"),
    (lambda: LogMel(f_min=8000.0), "f_min"),
    (lambda: LogMel(log_floor=0), "log_floor"),
    (lambda: LogMel(log_max=NAN), "log_max"),
    (lambda: LogMel(log_max=-50.0), "log_max"),
    (lambda: GriffinLim(num_iterations=0), "num_iterations"),
    (lambda: GriffinLim(num_iterations=10**9), "num_iterations"),
    (lambda: GriffinLim(momentum=1.0), "momentum"),
    (lambda: GriffinLim(momentum=NAN), "momentum"),
    (lambda: SpeechAugmentation(speed=1.0), "speed"),
    (lambda: SpeechAugmentation(shift=-1), "shift"),
    (lambda: SpeechAugmentation(noise_db=(NAN, 1.0)), "noise_db"),
    (lambda: SpeechAugmentation(noise_share=1.1), "noise_share"),
    (lambda: MelDegradation(share=NAN), "share"),
    (lambda: MelDegradation(noise=NAN), "noise"),
    (lambda: MelDegradation(blur=1.0), "blur"),
    (lambda: MultiResolutionSTFT(fft_sizes=[]), "fft_sizes"),
    (lambda: MultiResolutionSTFT(floor=0), "floor"),
]


@pytest.mark.parametrize(("build", "word"), CASES)
def test_refused_in_one_sentence(build, word):
    check_refusal(build, word)
