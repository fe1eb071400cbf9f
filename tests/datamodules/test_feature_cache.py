"""The cache follows the bytes of recordings, and counts those that are bad or were changed."""

import os
import shutil
import warnings

import numpy as np
import pytest
import soundfile as sf
import torch

from datamodules.corpus_layout import list_clips
from datamodules.feature_cache import FeatureCache
from lightning_modules.audio import Waveform
from lightning_modules.errors import InputError

TONE = 0.4 * np.sin(np.arange(16000) * 0.2)


@pytest.fixture
def cache(tmp_path):
    def build(bad_files="raise", long_clips="cut", changed_share=0.25):
        return FeatureCache(tmp_path / "cache", Waveform(), 3e-4, 0, bad_files, long_clips, changed_share)

    return build


def load(cache, root):
    return cache.load(root, list_clips(root)["train"], "train")


def values(cached):
    return torch.from_numpy(np.load(cached.file))


@pytest.fixture
def ten(tmp_path):
    """Ten recordings of a three, all for training."""
    root = tmp_path / "ten"
    (root / "three").mkdir(parents=True)
    for number in range(10):
        sf.write(str(root / f"three/{number}_nohash_0.wav"), TONE, 16000, subtype="FLOAT")
    for name in ("testing_list.txt", "validation_list.txt"):
        (root / name).touch()
    return root


def write(root, number, samples):
    sf.write(str(root / f"three/{number}_nohash_0.wav"), samples, 16000, subtype="FLOAT")


def same_times(root):
    for path in root.rglob("*"):
        os.utime(path, ns=(10**18, 10**18))


def test_two_corpora_with_equal_times_have_their_own_features(ten, cache, tmp_path):
    other = shutil.copytree(ten, tmp_path / "other")
    for number in range(10):
        write(other, number, -TONE)
    same_times(ten)
    same_times(other)
    first, second = load(cache(), ten), load(cache(), other)
    assert first.file != second.file and not values(first).equal(values(second))


def test_a_copy_shares_its_features(ten, cache, tmp_path):
    other = shutil.copytree(ten, tmp_path / "other")
    same_times(ten)
    assert load(cache(), ten).file == load(cache(), other).file


def test_other_bytes_under_the_same_time_make_other_features(ten, cache):
    same_times(ten)
    first = values(load(cache(), ten))
    write(ten, 4, -TONE)
    same_times(ten)
    second = values(load(cache(), ten))
    assert not first[4].equal(second[4]) and first[[0, 9]].equal(second[[0, 9]])


def test_long_clips_have_features_of_their_own(ten, cache):
    write(ten, 0, np.concatenate([TONE, TONE * 0.5]))
    with pytest.warns(UserWarning, match="1 longer"):
        cut = values(load(cache(), ten))
    with pytest.warns(UserWarning, match="1 longer"):
        centre = values(load(cache(long_clips="centre"), ten))
    assert cut[1:].equal(centre[1:]) and not cut[0].equal(centre[0])
    with pytest.raises(InputError, match="three/0_nohash_0.wav, found 2 s.*set bad_files to skip"):
        load(cache(long_clips="refuse"), ten)


def test_bad_files_are_counted_by_reason(ten, cache):
    for number in (0, 1):
        (ten / f"three/{number}_nohash_0.wav").write_bytes(b"")
    (ten / "three/2_nohash_0.wav").unlink()
    (ten / "three/2_nohash_0.wav").symlink_to("absent")
    (ten / "three/3_nohash_0.wav").rename(ten / "three" / os.fsdecode(b"\xff_nohash_0.wav"))
    (ten / "three/4_nohash_0.wav").unlink()
    (ten / "three/4_nohash_0.wav").symlink_to("4_nohash_0.wav")
    sf.write(str(ten / "three/5_nohash_0.wav"), TONE, 999_983)
    (ten / "three/6_nohash_0.wav").unlink()
    os.mkfifo(ten / "three/6_nohash_0.wav")
    with pytest.warns(UserWarning, match="7 bad files left out") as told:
        cached = load(cache("skip"), ten)
    assert cached.paths == [f"three/{number}_nohash_0.wav" for number in (7, 8, 9)]
    (text,) = [str(item.message) for item in told if "bad files" in str(item.message)]
    reasons = ["2 empty", "1 a link that leads to no file", "1 a link in a circle", "1 an absurd sample rate"]
    for reason in (*reasons, "1 a name that is no UTF-8", "1 no regular file"):
        assert reason in text
    with pytest.raises(InputError, match="set bad_files to skip"):
        load(cache("raise"), ten)


def test_changed_clips_are_counted_once(ten, cache):
    write(ten, 0, np.concatenate([0 * TONE, TONE]))
    write(ten, 1, 32768 * TONE)
    one = cache()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(3):
            load(one, ten)
    (text,) = [str(item.message) for item in told if "clips to train" in str(item.message)]
    assert text.startswith("of 10 clips to train: ")
    for part in ("1 longer than", "1 silent", "1 beyond full scale", "(the first is three/1_nohash_0.wav)"):
        assert part in text


@pytest.mark.parametrize("samples", [32768 * TONE, np.concatenate([0 * TONE, TONE]), 0 * TONE,
                                     np.stack([TONE, -TONE], axis=1)])  # fmt: skip
def test_too_many_changed_clips_are_refused(ten, cache, samples):
    for number in range(3):
        write(ten, number, samples)
    for _ in range(2):  # when they are built, and when they are found
        with pytest.raises(InputError, match="at most 25% of the clips .* got 30%, of 10 clips to train: 3 "):
            load(cache(), ten)
    with pytest.warns(UserWarning, match="of 10 clips to train: 3 "):
        assert len(load(cache(changed_share=0.3), ten).paths) == 10


def test_untouched_clips_warn_of_nothing(ten, cache):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="of .* clips")
        assert len(load(cache(changed_share=0.0), ten).paths) == 10


def test_a_cache_that_cannot_be_written_still_serves_what_it_has(ten, cache, tmp_path, monkeypatch):
    expected = load(cache(), ten)
    monkeypatch.setattr("datamodules.contents.new_file", lambda _: (_ for _ in ()).throw(OSError(30, "read only")))
    monkeypatch.setattr("datamodules.contents.SETTLED_NS", -(10**12))
    assert load(cache(), ten).file == expected.file
