"""Corpora that would train or test something else than they claim."""

import shutil

import numpy as np
import pytest
import soundfile as sf

from datamodules import SC09DataModule, SpeechCommandsDataModule
from lightning_modules.errors import InputError

MODULES = [SpeechCommandsDataModule, SC09DataModule]


@pytest.mark.parametrize("module", MODULES)
def test_a_missing_class_is_refused(tone_root, module):
    with pytest.raises(InputError, match=r"none of \[1, 2, 4, 5, 6, 8, 9\].*set labels to \[0, 3, 7\]"):
        module(str(tone_root)).split("train")
    shutil.rmtree(tone_root / "seven")
    with pytest.raises(InputError, match=r"none of \[7\].*seven, or set labels to \[0, 3\]"), pytest.warns(UserWarning):
        module(str(tone_root), labels=[0, 3, 7]).split("train")


def test_a_class_whose_recordings_are_all_skipped_is_missing(tone_root):
    for path in (tone_root / "seven").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"none of \[7\]"), pytest.warns(UserWarning, match="bad files"):
        SpeechCommandsDataModule(str(tone_root), labels=[0, 3, 7], bad_files="skip").split("train")


@pytest.mark.parametrize(("stage", "name"), [("test", "testing_list.txt"), ("validate", "validation_list.txt")])
def test_nothing_to_test_on_is_refused(tone_root, stage, name):
    (tone_root / name).write_text("")
    data = SpeechCommandsDataModule(str(tone_root), labels=[0, 3, 7])
    with pytest.raises(InputError, match=f"to {stage} on .*{name}"), pytest.warns(UserWarning, match="names no clip"):
        data.setup(stage)


def test_a_digit_that_is_not_tested_is_told(tone_root):
    names = (tone_root / "testing_list.txt").read_text().split()
    (tone_root / "testing_list.txt").write_text("\n".join(name for name in names if "seven" not in name))
    with pytest.warns(UserWarning, match=r"no clip of the digits \[7\] to test on"):
        SpeechCommandsDataModule(str(tone_root), labels=[0, 3, 7]).setup("test")


def test_lists_that_match_nothing_are_refused_before_features(tone_root, tmp_path):
    for name in ("testing_list.txt", "validation_list.txt"):
        text = (tone_root / name).read_text()
        (tone_root / name).write_text(text.replace("_nohash_0", ""))
    data = SpeechCommandsDataModule(str(tone_root), labels=[0, 3, 7], cache_dir=str(tmp_path / "cache"))
    with pytest.raises(InputError, match="none of its 12 names is a clip"):
        data.prepare_data()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("module", MODULES)
def test_a_pattern_splits_by_speaker(tmp_path, module):
    root = tmp_path / "team"
    (root / "three").mkdir(parents=True)
    for speaker in range(40):
        for take in range(2):
            tone = 0.3 * np.sin(np.arange(8000) * 0.1)
            sf.write(str(root / f"three/3_anna{speaker}_{take}.wav"), tone, 16000)
    with pytest.raises(InputError, match="speaker_pattern"):
        module(str(root), labels=[3]).prepare_data()
    data = module(str(root), labels=[3], speaker_pattern="^[0-9]_(.*)_")
    data.prepare_data()
    speakers = [{path.split("_")[1] for path in data.split(name).paths} for name in ("train", "val", "test")]
    assert sum(map(len, speakers)) == 40 == len(set().union(*speakers)) and all(speakers)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("settings", [{"speaker_pattern": "("}, {"long_clips": "middle"}, {"changed_share": 1.5},
                                      {"changed_share": float("nan")}], ids=str)  # fmt: skip
def test_bad_settings_are_refused_at_once(module, settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        module("nowhere", **settings)
