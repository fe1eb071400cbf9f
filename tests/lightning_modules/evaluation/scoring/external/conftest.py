"""Folders of clips, a corpus as background, and stand-ins for packages that are not installed."""

import sys
import types

import numpy as np
import pytest
import soundfile
import torch

from datamodules.corpus_layout import DIGITS


def tone(number, seconds=1.0):
    """A tone of its own pitch in a little noise, 16 kHz."""
    generator = np.random.default_rng(number)
    time = np.arange(int(16000 * seconds)) / 16000
    return 0.3 * np.sin(2 * np.pi * (200 + 37 * number) * time) + 0.01 * generator.standard_normal(len(time))


def write(path, wave):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, 16000, subtype="PCM_16")


@pytest.fixture
def clips(tmp_path):
    """Makes a folder of ``count`` clips of a second, with a manifest."""

    def make(count, seconds=1.0, first=0):
        folder = tmp_path / f"clips{first}"
        for number in range(count):
            write(folder / f"{number}.wav", tone(first + number, seconds))
        lines = [f"{number}.wav,3\n" for number in range(count)]
        (folder / "manifest.csv").write_text("file,label\n" + "".join(lines))
        return folder

    return make


@pytest.fixture
def background(tmp_path):
    """A corpus of 40 training clips, every other one shorter than VGGish needs, and of test clips left out."""
    root = tmp_path / "corpus"
    for number in range(44):
        path = root / DIGITS[number % 10] / f"{number:04}_nohash_0.wav"
        write(path, tone(number, 0.5 if number % 2 else 1.0))
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*.wav"))
    (root / "testing_list.txt").write_text("".join(f"{name}\n" for name in names[:4]))
    (root / "validation_list.txt").write_text("")
    return root


class Embedding(torch.nn.Module):
    """Stands in for VGGish: one row of 128 per clip of at least 15600 samples, none for a shorter one."""

    def __init__(self):
        super().__init__()
        weights = torch.randn(512, 128, generator=torch.Generator().manual_seed(0)) / 16
        self.embeddings = torch.nn.Sequential(torch.nn.Linear(512, 128, bias=False), torch.nn.ReLU())
        self.embeddings[0].weight.data = weights.T.contiguous()
        self.postprocess = True

    def forward(self, audio, rate):
        assert rate == 16000
        if len(audio) < 15600:
            return torch.zeros(0, 128)
        spectrum = torch.from_numpy(np.abs(np.fft.rfft(audio[:1022]))).float()
        return self.embeddings(spectrum[None].log1p())


@pytest.fixture
def vggish():
    """Makes a network in place of VGGish."""
    return Embedding


@pytest.fixture
def package(monkeypatch):
    """A module in place of ``frechet_audio_distance``, with what its version 0.3.4 documents and does."""

    class FrechetAudioDistance:
        made = 0

        def __init__(self, model_name, sample_rate, use_pca, use_activation, verbose):
            assert (model_name, sample_rate, use_pca, use_activation) == ("vggish", 16000, False, False)
            type(self).made += 1
            self.model = Embedding()
            self.model.embeddings = self.model.embeddings[:-1]
            self.asked = []

        def get_embeddings(self, x, sr):
            found = []
            try:
                for audio in x:
                    self.asked.append(len(audio))
                    found.append(self.model(audio, sr).detach().numpy())
            except Exception as error:
                print(f"[Frechet Audio Distance] get_embeddings throw an exception: {error}")
            return np.concatenate(found, axis=0)

    module = types.ModuleType("frechet_audio_distance")
    module.FrechetAudioDistance = FrechetAudioDistance
    monkeypatch.setitem(sys.modules, "frechet_audio_distance", module)
    return module
