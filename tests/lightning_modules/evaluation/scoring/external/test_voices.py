"""How varied voices are, and which training speaker a clip resembles most."""

import importlib.util
import sys
import types

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from lightning_modules.evaluation.scoring.external import FolderWaveforms, Voices
from lightning_modules.evaluation.scoring.external.voices import spread


@pytest.fixture
def package(monkeypatch):
    """A stand-in of resemblyzer 0.1.4: the embedding is the clip's spectrum in 256 bands."""

    class VoiceEncoder:
        def __init__(self, device, verbose):
            assert not verbose

        def embed_utterance(self, wave):
            bands = np.abs(np.fft.rfft(wave))[:7936].reshape(256, 31).sum(axis=1).astype(np.float32)
            return bands / np.linalg.norm(bands)

    audio = types.SimpleNamespace(audio_norm_target_dBFS=-30, normalize_volume=lambda wave, level, increase_only: wave)
    monkeypatch.setitem(sys.modules, "resemblyzer", types.SimpleNamespace(VoiceEncoder=VoiceEncoder, audio=audio))


def test_spread_is_the_mean_over_all_pairs():
    """Value and jackknife against their definitions, pair by pair."""
    rows = normalize(torch.randn(7, 5, generator=torch.Generator().manual_seed(0)).double(), dim=1)

    def mean(kept):
        return np.mean([float(1 - rows[i] @ rows[j]) for i in kept for j in kept if i != j])

    without = [mean([i for i in range(7) if i != left]) for left in range(7)]
    error = np.sqrt(6 / 7 * np.sum((without - np.mean(without)) ** 2))
    assert spread(rows) == pytest.approx({"voice_spread": mean(range(7)), "voice_spread_error": error})
    assert spread(rows[:1].expand(4, -1))["voice_spread"] == pytest.approx(0.0, abs=1e-12)


def test_nearest_training_speaker(package, background, clips):
    """Clips that training speakers said are nearer to them than tones that none of them made."""
    metric = Voices(background, range(10))
    known, unknown = clips(5, first=10), clips(5, first=90)
    (near, notes), (far, _) = metric(FolderWaveforms(known)), metric(FolderWaveforms(unknown))
    assert not notes and near["voice_nearest"] > 0.96 > far["voice_nearest"]
    assert near["voice_nearest_low"] <= near["voice_nearest"] <= near["voice_nearest_high"]
    assert metric._speakers.shape == (40, 256) and torch.allclose(metric._speakers.norm(dim=1), torch.ones(40).double())
    assert Voices(background, [3])(FolderWaveforms(known))[0]["voice_nearest"] <= near["voice_nearest"]


def test_without_a_reference(package, clips):
    figures, notes = Voices(None, range(10))(FolderWaveforms(clips(3)))
    assert set(figures) == {"voice_spread", "voice_spread_error"}
    assert notes == ["voice_nearest: no reference, or its file names tell no speaker"]
    assert Voices(None, [])(FolderWaveforms(clips(2, first=5)))[1] == ["voice_spread: expected at least 3 clips, got 2"]


@pytest.mark.skipif(importlib.util.find_spec("resemblyzer") is None, reason="scoretap[resemblyzer] is not installed")
def test_the_package_itself(background, clips):
    figures, notes = Voices(background, range(10))(FolderWaveforms(clips(4)))
    assert not notes and 0.0 <= figures["voice_spread"] < 1.0 and figures["voice_nearest"] <= 1.0 + 1e-6
