"""A vocoder that cannot be told from the recordings, and a judge to tell."""

import pytest
import torch

from lightning_modules.audio import LogMel, Vocoder
from lightning_modules.evaluation.scoring.references import list_splits
from lightning_modules.evaluation.vocoders.speech import real_speech
from lightning_modules.loading import load_evaluator

DIGITS = [3, 4]


class Memory(Vocoder):
    """Gives back the recording whose log-Mel is nearest to the one that comes in."""

    def __init__(self, recordings):
        super().__init__()
        self.recordings = recordings
        self.log_mels = self.front_end.to_log_mel(self.front_end(recordings)).flatten(1)

    def synthesize(self, log_mel):
        return self.recordings[torch.cdist(log_mel.flatten(1), self.log_mels).argmin(dim=1)]


@pytest.fixture
def judge(evaluator):
    return load_evaluator(evaluator)


@pytest.fixture
def real(digits_root):
    """Waveforms and digits of the test clips."""
    found = real_speech(digits_root, DIGITS, LogMel())
    assert len(found.y) == len([c for c in list_splits(digits_root, DIGITS)["test"]]) >= 2
    return found


@pytest.fixture
def memory(real):
    return Memory(real.clips)
