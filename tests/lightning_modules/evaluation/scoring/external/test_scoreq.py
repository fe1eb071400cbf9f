"""ScoreQ's mean opinion score and its interval, or a note.

Most tests run against a stand-in of the package with its documented interface; one runs its own code where it is
installed, with a session of its own in place of the weights, which need a network connection.
"""

import importlib.util
import sys
import types

import pytest
import torch

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.external import FolderWaveforms, ScoreQ, scoreq_mos
from lightning_modules.evaluation.scoring.external import scoreq as adapter
from lightning_modules.metrics import bootstrap

INIT = 'raise RuntimeError("the package fetches another model when it is imported")\n'
MODULE = """
class Scoreq:
    made = 0

    def __init__(self, data_domain="natural", mode="nr", use_onnx=True):
        assert (data_domain, mode, use_onnx) == ("synthetic", "nr", True)
        {init}

    def predict(self, test_path, ref_path=None):
        wave = self.load_processing(test_path)
        assert tuple(wave.shape) == (1, 16000)
        return {score}

    def load_processing(self, filepath, target_sr=16000):
        raise RuntimeError("no decoder")
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes a package ``scoreq`` laid out as version 1.0.1 is."""
    absent = [name for name in sys.modules if name.partition(".")[0] == "scoreq"]
    for name in absent:
        monkeypatch.delitem(sys.modules, name)

    def make(score="1.0 + float(wave.abs().mean())", init="pass"):
        folder = tmp_path / "site" / "scoreq"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").write_text(INIT)
        (folder / "scoreq.py").write_text(MODULE.format(score=score, init=init))
        monkeypatch.syspath_prepend(str(folder.parent))
        importlib.invalidate_caches()

    return make


def test_mean_and_interval(package, clips):
    package()
    folder = clips(6, seconds=0.5)
    figures, notes = scoreq_mos(folder)
    waves = torch.cat(list(FolderWaveforms(folder)))
    assert waves.shape == (6, 16000)
    interval = bootstrap(1.0 + waves.abs().mean(dim=1).double())
    assert not notes and set(figures) == {"scoreq", "scoreq_low", "scoreq_high"}
    assert figures["scoreq"] == pytest.approx(interval.value)
    assert (figures["scoreq_low"], figures["scoreq_high"]) == pytest.approx((interval.low, interval.high))
    assert figures["scoreq_low"] < figures["scoreq"] < figures["scoreq_high"]
    assert "scoreq" not in sys.modules


def test_one_clip_has_no_interval(package, clips):
    package()
    figures, notes = scoreq_mos(clips(1))
    assert set(figures) == {"scoreq"} and notes == ["scoreq interval: expected at least 2 clips, got 1"]


def test_what_is_not_finite_is_a_note(package, clips):
    package(score='float("nan")')
    assert scoreq_mos(clips(2)) == ({}, ["scoreq: 2 of 2 clips have no finite score"])


def test_what_fails_is_a_note(package, clips):
    package(score="1 / 0")
    assert scoreq_mos(clips(2)) == ({}, ["scoreq: ZeroDivisionError: division by zero"])


def test_a_damaged_clip_is_named(package, clips):
    package()
    folder = clips(3)
    (folder / "1.wav").write_bytes(b"")
    with pytest.raises(InputError, match="1.wav is empty"):
        scoreq_mos(folder)


def test_without_the_package(clips, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    expected = "scoreq: unavailable (No module named 'scoreq'): pip install 'scoretap[scoreq]'"
    assert scoreq_mos(clips(2)) == ({}, [expected])


@pytest.mark.parametrize(
    ("init", "reason", "remedy"),
    [
        ('raise OSError("no route")', "OSError: no route", "its weights are fetched when it is first used"),
        ("import onnxruntime_of_another_kind", "No module named", "pip install 'scoretap[scoreq]'"),
    ],
)
def test_without_weights_or_a_dependency(init, reason, remedy, package, clips):
    package(init=init)
    judge = ScoreQ()
    first, second = judge(FolderWaveforms(clips(2))), judge(FolderWaveforms(clips(2)))
    figures, (note,) = first
    assert first == second and figures == {} and note.startswith(f"scoreq: unavailable ({reason}")
    assert note.endswith(remedy)


@pytest.mark.skipif(importlib.util.find_spec("scoreq") is None, reason="scoretap[scoreq] is not installed")
def test_with_the_code_of_the_package_itself(clips, monkeypatch):
    """``scoreq`` 1.0.1: which weights it asks for, and what it hands to ONNX Runtime."""
    import onnxruntime

    asked, heard = [], []

    class Session:
        def __init__(self, path, providers):
            asked.append(path)

        def get_providers(self):
            return ["CPUExecutionProvider"]

        def get_inputs(self):
            return [types.SimpleNamespace(name="wave")]

        def run(self, names, inputs):
            heard.append(torch.from_numpy(inputs["wave"]))
            return [heard[-1].abs().mean().reshape(1, 1).numpy()]

    module = adapter._module()
    monkeypatch.setattr(module.Scoreq, "_download_model", lambda self, filename, url, cache_dir_name: filename)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(adapter, "_module", lambda: module)
    folder = clips(3)
    figures, notes = scoreq_mos(folder)
    waves = torch.cat(list(FolderWaveforms(folder)))
    assert asked == ["adapt_nr_synthetic.onnx"] and torch.equal(torch.cat(heard), waves) and not notes
    assert figures["scoreq"] == pytest.approx(float(waves.abs().mean()), rel=1e-5)
