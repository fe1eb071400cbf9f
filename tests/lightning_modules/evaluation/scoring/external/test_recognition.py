"""The share of clips that PocketSphinx recognises as their intended digit."""

import importlib.util
import os
import sys
import types
from pathlib import Path

import pytest
import torch

from datamodules.corpus_layout import list_clips
from lightning_modules.evaluation.scoring.external import FolderWaveforms, PocketSphinx
from lightning_modules.evaluation.scoring.folders import clip_batches
from lightning_modules.evaluation.scoring.resynthesis import AnchorWaveforms
from lightning_modules.metrics import wilson_interval


class Waveforms:
    """Two batches of clips whose level says what the stand-in recognises."""

    def __init__(self, levels, labels):
        self.levels, self.labels = levels, labels

    def __iter__(self):
        return iter(torch.tensor(self.levels)[:, None].expand(-1, 16000).split(2))


@pytest.fixture
def package(monkeypatch):
    """A stand-in of pocketsphinx 5.1: it recognises nothing in silence, two below 0.5, and nine above."""

    class Decoder:
        def __init__(self, **settings):
            assert settings["samprate"] == 16000 and settings["lm"] is None

        def add_jsgf_string(self, name, grammar):
            self.grammar = grammar

        def activate_search(self, name):
            assert "zero | one | two" in self.grammar and "nine;" in self.grammar

        def start_utt(self):
            self.pcm = None

        def process_raw(self, pcm, full_utt):
            assert full_utt and len(pcm) == 32000
            self.pcm = int.from_bytes(pcm[:2], sys.byteorder, signed=True)

        def end_utt(self):
            pass

        def hyp(self):
            return None if self.pcm == 0 else types.SimpleNamespace(hypstr="two " if self.pcm < 16384 else "nine")

    monkeypatch.setitem(sys.modules, "pocketsphinx", types.SimpleNamespace(Decoder=Decoder))


def test_share_of_clips_with_an_intended_digit(package):
    """Right, wrong, nothing recognised, and a clip without a digit, which does not count."""
    figures, notes = PocketSphinx()(Waveforms([0.2, 0.9, 0.0, 0.9, 2.0], [2, 3, 1, -1, 9]))
    expected = wilson_interval(2, 4)
    assert not notes and figures["pocketsphinx"] == 0.5
    assert (figures["pocketsphinx_low"], figures["pocketsphinx_high"]) == (expected.low, expected.high)


@pytest.mark.parametrize("clips", [Waveforms([0.2], [-1]), [torch.zeros(1, 16000)]])
def test_without_an_intended_digit(package, clips):
    assert PocketSphinx()(clips) == ({}, ["pocketsphinx: no clip has an intended digit"])


def test_folders_tell_their_digits(clips):
    folder = clips(3)
    (folder / "manifest.csv").write_text("file,label\n0.wav,3\n1.wav,\n2.wav,7\n")
    assert FolderWaveforms(folder).labels == [3, -1, 7] and FolderWaveforms(folder, 1).labels == [3]


@pytest.mark.skipif(importlib.util.find_spec("pocketsphinx") is None, reason="scoretap[pocketsphinx] is not installed")
def test_the_package_itself_recognises_people():
    """Nine of ten digits by speakers whom nobody trained on, where recordings are at hand."""
    root = Path(os.environ.get("SCORETAP_RECORDINGS", "")) / "english-digits-16k"
    if not root.is_dir():
        pytest.skip("real recordings: set SCORETAP_RECORDINGS to a folder with english-digits-16k")
    clips = list_clips(root)["test"][::8]
    waveforms = AnchorWaveforms(lambda: clip_batches(root, clips, 16000, 16000), [clip.label for clip in clips])
    figures, _ = PocketSphinx()(waveforms)
    assert figures["pocketsphinx"] > 0.75
