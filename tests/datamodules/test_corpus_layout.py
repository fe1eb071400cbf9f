"""The split of each clip."""

import pytest

from datamodules.corpus_layout import Clip, hash_split, list_clips
from lightning_modules.errors import InputError


def lines(path):
    return path.read_text().split()


def test_hash_rule_makes_the_official_lists(recordings):
    official = recordings / "sc09-sample" / "official_v0.01"
    names = {"val": lines(official / "validation_list_digits.txt"), "test": lines(official / "testing_list_digits.txt")}
    assert all(len(paths) > 2000 for paths in names.values())
    assert all(hash_split(path) == split for split, paths in names.items() for path in paths)


def test_hash_rule_stands_in_for_missing_lists(recordings, tmp_path):
    """The real sample's lists follow the rule: without them, the same splits come out."""
    sample = recordings / "sc09-sample"
    expected = list_clips(sample)
    for word in {clip.path.partition("/")[0] for clips in expected.values() for clip in clips}:
        (tmp_path / word).symlink_to(sample / word)
    assert list_clips(tmp_path) == expected
    assert [len(expected[split]) for split in ("train", "val", "test")] == [2057, 227, 168]


def test_speaker_stays_in_one_split():
    speakers = [f"{number:08x}" for number in range(3000)]
    for speaker in speakers[:50]:
        assert (
            len({hash_split(f"{word}/{speaker}_nohash_{take}.wav") for word in ("one", "two") for take in range(3)})
            == 1
        )
    shares = [
        sum(hash_split(f"{s}_nohash_0.wav") == split for s in speakers) / 3000 for split in ("train", "val", "test")
    ]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


@pytest.fixture
def root(tmp_path):
    for path in [
        "one/a_nohash_0.wav",
        "one/b_nohash_0.flac",
        "three/a_nohash_0.wav",
        "three/a_nohash_0.flac",
        "cat/a_nohash_0.wav",
    ]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    for path in ["_background_noise_/hum.wav", "one/notes.txt", "one/._a_nohash_0.wav"]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def test_lists_decide_whatever_their_suffix(root):
    (root / "testing_list.txt").write_text("one/b_nohash_0.wav\ncat/a_nohash_0.wav\n")
    (root / "validation_list.txt").write_text("three/a_nohash_0.wav\n")
    assert list_clips(root) == {
        "train": [Clip("one/a_nohash_0.wav", 1)],
        "val": [Clip("three/a_nohash_0.wav", 3)],
        "test": [Clip("one/b_nohash_0.flac", 1)],
    }


def test_absent_entries_are_counted(root):
    (root / "testing_list.txt").write_text("one/b_nohash_0.wav\none/zz_nohash_0.wav\n")
    with pytest.warns(UserWarning, match="1 of 2 digit clips"):
        list_clips(root)


def test_clip_in_both_lists_is_refused(root):
    for name in ("testing_list.txt", "validation_list.txt"):
        (root / name).write_text("one/b_nohash_0.wav\n")
    with pytest.raises(InputError, match="one/b_nohash_0"):
        list_clips(root)


def test_folder_without_digits_is_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a_nohash_0.wav").touch()
    with pytest.raises(InputError, match="zero to nine"):
        list_clips(tmp_path)
    with pytest.raises(InputError, match="there is none"):
        list_clips(tmp_path / "absent")
