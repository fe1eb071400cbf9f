"""Mean opinion scores of DistillMOS and DNSMOS: what the packages are handed, and what becomes of their answers."""

import importlib.util
import sys
import types

import numpy as np
import pytest
import torch

from lightning_modules.evaluation.scoring.external import DistillMos, Dnsmos, FolderWaveforms
from lightning_modules.metrics import bootstrap


@pytest.fixture
def packages(monkeypatch):
    """Stand-ins of distillmos 0.9.1 and speechmos 0.0.1.1, whose score is the clip's mean magnitude and one."""

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            print("weights loaded from somewhere")

        def forward(self, x):
            assert x.shape[0] <= 8 and x.shape[1] == 16000 and not torch.is_grad_enabled() and not self.training
            return 1.0 + x.abs().mean(dim=1, keepdim=True)

    def run(sample, sr):
        assert sr == 16000 and sample.ndim == 1 and (np.abs(sample) <= 1).all()
        return {"ovrl_mos": np.float64(1.0 + np.abs(sample).mean()), "sig_mos": 9.0}

    dnsmos = types.SimpleNamespace(run=run)
    monkeypatch.setitem(sys.modules, "distillmos", types.SimpleNamespace(ConvTransformerSQAModel=Network))
    monkeypatch.setitem(sys.modules, "speechmos", types.SimpleNamespace(dnsmos=dnsmos))
    return dnsmos


@pytest.mark.parametrize("metric", [DistillMos, Dnsmos])
def test_mean_and_interval(metric, packages, clips, capsys):
    folder = clips(11)
    figures, notes = metric()(FolderWaveforms(folder))
    expected = bootstrap(1.0 + torch.cat(list(FolderWaveforms(folder))).abs().mean(dim=1).double())
    name = metric().name
    assert not notes and capsys.readouterr().out == ""
    assert [figures[name + end] for end in ("", "_low", "_high")] == pytest.approx(
        [expected.value, expected.low, expected.high], rel=1e-5
    )


def test_what_a_package_cannot_score_is_a_note(packages, clips, monkeypatch):
    monkeypatch.setattr(packages, "run", lambda sample, sr: {"ovrl_mos": float("nan")})
    assert Dnsmos()(FolderWaveforms(clips(2))) == ({}, ["dnsmos: 2 of 2 clips have no finite score"])


@pytest.mark.parametrize(("metric", "module"), [(DistillMos, "distillmos"), (Dnsmos, "speechmos")])
def test_without_the_package(metric, module, clips, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    figures, (note,) = metric()(FolderWaveforms(clips(2)))
    assert figures == {} and note.endswith(f"pip install 'scoretap[{metric().name}]'")


@pytest.mark.parametrize(("metric", "module"), [(DistillMos, "distillmos"), (Dnsmos, "speechmos")])
def test_the_package_itself(metric, module, clips):
    """Where it is installed: a tone is no good speech, and nothing is fetched."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"scoretap[{metric().name}] is not installed")
    figures, notes = metric()(FolderWaveforms(clips(2)))
    assert not notes and 1.0 <= figures[metric().name] <= 3.5
