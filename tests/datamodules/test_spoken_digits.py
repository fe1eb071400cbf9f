"""Digits by eSpeak NG: every language speaks, voices stay in one split, the same seed gives the same bytes."""

import importlib
import random
import time
from collections import Counter

import numpy as np
import pytest
import soundfile as sf

from datamodules import SpokenDigitsDataModule, espeak, spoken_digits
from datamodules.corpus_layout import DIGITS, list_clips
from datamodules.espeak import Utterance, find_espeak, list_accents, list_families, speak
from datamodules.spoken_digits import make_corpus
from lightning_modules.errors import InputError

LANGUAGES = ("en", "de", "ar", "es", "fr")


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_balanced_and_in_the_layout(digits_root):
    splits = list_clips(digits_root)
    assert {split: len(clips) for split, clips in splits.items()} == {"train": 160, "val": 20, "test": 20}
    for clips in splits.values():
        assert len(set(Counter(clip.label for clip in clips).values())) == 1
    for clip in splits["test"]:
        info = sf.info(str(digits_root / clip.path))
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (16000, 1, 16000, "PCM_16")


def test_loudness_and_onset_vary(digits_root):
    clips = [sf.read(str(digits_root / clip.path))[0] for clip in list_clips(digits_root)["train"]]
    peaks = np.array([np.abs(clip).max() for clip in clips])
    onsets = np.array([np.flatnonzero(np.abs(clip) > 0.01)[0] for clip in clips])
    assert 0.29 < peaks.min() < 0.4 and 0.75 < peaks.max() < 0.91
    assert onsets.std() > 300  # samples: 80 ms of jitter and words of several lengths
    assert onsets.min() > 500 and onsets.max() < 9000  # near the middle, never at the edge


def test_no_voice_crosses_splits():
    _, data = find_espeak()
    families = list_families(data)
    assert len(families) > 40
    plan = spoken_digits.plan_clips(["en", "en-us"], families, 3000, random.Random(0))
    assert len(plan) == 3000
    family_of = {variant: number for number, family in enumerate(families) for variant in family}
    split_of, speakers = {}, {}
    for path, (utterance, split) in plan.items():
        variant = utterance.voice.partition("+")[2]
        assert split_of.setdefault(family_of[variant], split) == split
        assert speakers.setdefault(path.split("/")[1].split("_")[0], utterance.voice) == utterance.voice
        assert path.startswith(DIGITS[int(utterance.text)])
    assert Counter(split_of.values())["train"] >= 0.75 * len(families)


def test_same_seed_same_bytes(tmp_path, digits_root):
    make_corpus(tmp_path / "again", "en", 200, seed=0)
    assert bytes_of(tmp_path / "again") == bytes_of(digits_root)
    make_corpus(tmp_path / "other", "en", 200, seed=1)
    assert bytes_of(tmp_path / "other") != bytes_of(digits_root)


def test_breath_is_not_drawn_by_the_clock():
    """Voices with breath or echo draw noise, which the library seeds with the time in seconds unless told otherwise."""
    said = [Utterance(f"en+{variant}", "3", 160, 50, 50) for variant in ("f2", "f3", "f5", "sandro", "victor")]
    once = [samples.tobytes() for samples in speak(said, 0.9)]
    time.sleep(1.1)
    assert [samples.tobytes() for samples in speak(said, 0.9)] == once


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_ten_different_digits(language):
    accents = list_accents(find_espeak()[1])[language]
    said = list(speak([Utterance(f"{accent}+m3", str(d), 160, 50, 50) for accent in accents for d in range(10)], 0.9))
    assert all(len(samples) > 0.1 * espeak.SAMPLE_RATE and np.abs(samples).max() > 1000 for samples in said)
    for start in range(0, len(said), 10):
        assert len({samples.tobytes() for samples in said[start : start + 10]}) == 10


def test_languages_differ():
    said = list(speak([Utterance(f"{language}+m3", "3", 160, 50, 50) for language in LANGUAGES], 0.9))
    assert len({samples.tobytes() for samples in said}) == len(LANGUAGES)


def test_too_long_is_said_faster_not_cut():
    slow, fast = speak([Utterance("ar+m3", "2", 80, 50, 50)], 5.0), speak([Utterance("ar+m3", "2", 80, 50, 50)], 0.6)
    slow, fast = next(slow), next(fast)
    assert len(slow) > 0.6 * espeak.SAMPLE_RATE >= len(fast) > 0.2 * espeak.SAMPLE_RATE
    assert np.abs(fast[-200:]).max() < 0.2 * np.abs(fast).max()  # it ends by fading


def test_no_natural_voice_clips():
    _, data = find_espeak()
    voices = [f"en+{variant}" for family in list_families(data) for variant in family]
    for samples in speak([Utterance(voice, "9", 160, 50, 50) for voice in voices], 0.9):
        assert np.abs(samples.astype(int)).max() < 32767


def test_complete_corpus_is_reused(tmp_path, monkeypatch):
    data = SpokenDigitsDataModule(str(tmp_path), language="de", num_clips=100)
    folder = data.prepare_corpus()
    monkeypatch.setattr(spoken_digits, "make_corpus", lambda *_: pytest.fail("spoken again"))
    assert data.prepare_corpus() == folder and folder.name.startswith("de-")
    monkeypatch.undo()
    assert SpokenDigitsDataModule(str(tmp_path), language="de", num_clips=110).prepare_corpus() != folder


def test_interrupted_generation_leaves_no_corpus(tmp_path, monkeypatch):
    def killed(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(spoken_digits, "wav_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        make_corpus(tmp_path / "c", "en", 100, seed=0)
    assert not list(tmp_path.iterdir())


def test_data_module_from_nothing(tmp_path):
    data = SpokenDigitsDataModule(str(tmp_path), num_clips=100, labels=[2, 5], batch_size=4)
    data.prepare_data()
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch.x_0.shape == (4, 1, 80, 64) and set(batch.y.tolist()) <= {2, 5}
    assert data.hparams.num_clips == 100 and data.hparams.labels == [2, 5]


def test_unknown_language_lists_those_there_are(tmp_path):
    with pytest.raises(InputError, match=r"'xx'.*ar, .*de, .*en, .*es, .*fr, "):
        SpokenDigitsDataModule(str(tmp_path), language="xx").prepare_data()


@pytest.mark.parametrize("settings", [{"num_clips": 10}, {"language": "../en"}, {"language": ""}])
def test_bad_settings(settings):
    with pytest.raises(InputError):
        SpokenDigitsDataModule(**settings)


def test_missing_wheel_tells_how_to_get_it(tmp_path, monkeypatch):
    real = importlib.import_module

    def blocked(name, *args):
        if name == "espeakng_loader":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", blocked)
    with pytest.raises(InputError, match=r"scoretap\[demo\]"):
        SpokenDigitsDataModule(str(tmp_path)).prepare_data()


def test_few_voices(tmp_path):
    """The first voices of the list alone speak, still a different one in each split."""
    few = SpokenDigitsDataModule(str(tmp_path), language="en-us", num_clips=100, num_voices=3)
    speakers = {
        split: {clip.path.split("/")[1].split("_")[0] for clip in clips}
        for split, clips in list_clips(few.prepare_corpus()).items()
    }
    assert all(len(names) == 1 for names in speakers.values()) and len(set.union(*speakers.values())) == 3
    with pytest.raises(InputError, match="at least 3"):
        SpokenDigitsDataModule(str(tmp_path), num_voices=2)


def test_settings_of_files_are_the_same_as_of_any_corpus(tmp_path):
    data = SpokenDigitsDataModule(
        str(tmp_path), None, "de", 100, 3, [1], 0.5, speaker_pattern="^(a)_", long_clips="refuse"
    )
    assert (data.labels, data.fraction, data.speaker_pattern) == ([1], 0.5, "^(a)_")
    assert data.cache.reader.long_clips == "refuse" and data.hparams.num_voices == 3
    with pytest.raises(InputError, match="changed_share"):
        SpokenDigitsDataModule(str(tmp_path), changed_share=2.0)
