"""PESQ and STOI: means, skipped clips, and packages that are not there."""

import math

import pytest
import torch

from lightning_modules.evaluation.vocoders import perceptual as module
from lightning_modules.evaluation.vocoders.perceptual import METRICS, perceptual_figures


@pytest.fixture(scope="module")
def speech():
    """A second that rises and falls like syllables, so that both metrics find speech in it."""
    t = torch.arange(16000) / 16000
    voice = sum(torch.sin(2 * math.pi * 150 * k * t) / k for k in range(1, 20))
    return 0.1 * voice * (0.2 + torch.sin(2 * math.pi * 4 * t).abs())


def test_means_and_skipped(monkeypatch):
    monkeypatch.setattr(
        module, "METRICS", {"pesq": lambda a, b, rate: float(a[0]), "stoi": lambda a, b, rate: math.inf}
    )
    clips = torch.tensor([1.0, torch.nan, 3.0])[:, None]
    found, missing = perceptual_figures(clips, clips, 16000)
    pesq = {"pesq": 2.0, "pesq_low": 1.0, "pesq_high": 3.0}
    assert found == {**pesq, "pesq_skipped": 1.0, "stoi_skipped": 3.0} and missing == {"stoi": "no clip"}


def test_another_rate():
    found, missing = perceptual_figures(torch.zeros(2, 8000), torch.zeros(2, 8000), 8000)
    assert not found and missing == {"pesq": "16 kHz only", "stoi": "16 kHz only"}


def test_not_installed(monkeypatch):
    monkeypatch.setattr("torchmetrics.functional.audio.pesq._PESQ_AVAILABLE", False)
    monkeypatch.setattr("torchmetrics.functional.audio.stoi._PYSTOI_AVAILABLE", False)
    found, missing = perceptual_figures(torch.ones(2, 16000), torch.ones(2, 16000), 16000)
    assert not found and missing == {"pesq": "not installed", "stoi": "not installed"}


@pytest.mark.parametrize(("name", "package", "best"), [("pesq", "pesq", 4.644), ("stoi", "pystoi", 1.0)])
def test_published_packages(name, package, best, speech):
    pytest.importorskip(package, reason=f"{package} is not installed")
    noisy = speech + 0.03 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    assert METRICS[name](speech, speech, 16000) == pytest.approx(best, abs=1e-3)
    assert METRICS[name](noisy, speech, 16000) < best - 0.02
    silent, short = torch.zeros(16000), torch.cat([speech[:1600], torch.zeros(14400)])
    assert math.isnan(METRICS[name](*2 * [short if name == "stoi" else speech[:1600]], 16000))
    found, missing = perceptual_figures(torch.stack([speech, silent]), torch.stack([speech, silent]), 16000)
    assert found[f"{name}_skipped"] == 1.0 and found[name] == pytest.approx(best, abs=1e-3) and name not in missing
