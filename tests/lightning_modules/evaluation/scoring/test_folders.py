"""Which clips a folder holds, which digits they are meant to be, and that they are read when they are asked for."""

import numpy as np
import pytest
import soundfile

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.folders import clip_batches, folder_batches, list_speech


def record(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(seed).standard_normal(800)
    soundfile.write(path, noise, 16000, subtype="PCM_16")


LAYOUTS = {
    "written by predict": {"00000_3_seed0.wav": 3, "00001_any_seed1.wav": -1, "00002_9_seed12.wav": 9},
    "digit words": {"three/a_nohash_0.wav": 3, "zero/a_nohash_0.flac": 0},
    "digits": {"7/x.wav": 7, "0/x.wav": 0},
    "any": {"take 2.wav": -1, "3.wav": -1, "12_5.flac": -1},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels(layout, tmp_path):
    for name in LAYOUTS[layout]:
        record(tmp_path / name)
    assert dict(list_speech(tmp_path)) == LAYOUTS[layout]


def test_a_manifest_wins_over_names(tmp_path):
    record(tmp_path / "00000_3_seed0.wav")
    record(tmp_path / "00001_3_seed0.wav")
    (tmp_path / "manifest.csv").write_text("file,label\n00001_3_seed0.wav,4\n00000_3_seed0.wav,\n")
    assert list_speech(tmp_path) == [("00001_3_seed0.wav", 4), ("00000_3_seed0.wav", -1)]


def test_other_words_and_hidden_files_are_no_clips(tmp_path):
    for name in ("one/a.wav", "one/a.flac", "one/.b.wav", "marvin/a.wav", "_background_noise_/a.wav"):
        record(tmp_path / name)
    assert list_speech(tmp_path) == [("one/a.wav", 1)]


@pytest.mark.parametrize(
    "content, words",
    [
        ("", "columns file and label"),
        ("file\na.wav\n", "columns file and label"),
        ("file,label\na.wav,11\n", "'11'"),
        ("file,label\na.wav,three\n", "'three'"),
    ],
)
def test_a_manifest_that_is_none(content, words, tmp_path):
    (tmp_path / "manifest.csv").write_text(content)
    with pytest.raises(InputError, match=words):
        list_speech(tmp_path)


def test_folders_without_clips(tmp_path):
    with pytest.raises(InputError, match="there is none"):
        list_speech(tmp_path / "nowhere")
    with pytest.raises(InputError, match="found none"):
        list_speech(tmp_path)
    record(tmp_path / "00000_3_seed0.wav")
    (tmp_path / ".manifest.rank0.csv").touch()
    with pytest.raises(InputError, match="did not finish"):
        list_speech(tmp_path)


def test_clips_are_read_when_they_are_asked_for(tmp_path):
    for i in range(3):
        record(tmp_path / f"{i:05d}_{i}_seed0.wav", seed=i)
    (tmp_path / "00002_2_seed0.wav").write_bytes(b"")
    batches = folder_batches(tmp_path, 16000, 1000, batch_size=2)
    waveforms, y = next(batches)
    assert waveforms.shape == (2, 1000) and y.tolist() == [0, 1] and not waveforms[:, 800:].any()
    with pytest.raises(InputError, match="00002_2_seed0.wav is empty"):
        next(batches)


def test_the_last_batch_may_be_smaller(tmp_path):
    for i in range(5):
        record(tmp_path / f"{i}.wav")
    sizes = [len(y) for _, y in clip_batches(tmp_path, list_speech(tmp_path), 16000, 800, batch_size=2)]
    assert sizes == [2, 2, 1]


def test_speech_that_comes_late_is_told(tmp_path):
    record(tmp_path / "0_3.wav")
    silent = np.zeros(16000)
    soundfile.write(tmp_path / "1_3.wav", np.concatenate([silent, 0.1 + silent[:800]]), 16000, subtype="PCM_16")
    with pytest.warns(UserWarning, match="of 2 clips in .*: 1 longer .*1_3.wav.*1 silent") as told:
        assert len(list(folder_batches(tmp_path, 16000, 16000, batch_size=1))) == 2
    assert len(told) == 1
