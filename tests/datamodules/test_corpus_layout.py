"""The split of each clip."""

import hashlib
import os
import re
import warnings

import pytest

from datamodules.corpus_layout import Clip, check_speaker_pattern, find_speaker, hash_split, list_clips, list_held_out
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


@pytest.fixture
def teams(tmp_path):
    """Names as a team gives them: ``3_anna_7.wav``; four speakers with five takes of two digits each."""
    for label, word in ((1, "one"), (3, "three")):
        (tmp_path / word).mkdir()
        for speaker in ("anna", "ben", "chloe", "dan"):
            for take in range(5):
                (tmp_path / word / f"{label}_{speaker}_{take}.wav").touch()
    return tmp_path


def test_names_without_a_speaker_are_refused(teams):
    with pytest.raises(InputError, match="40 of 40 names.*one/1_anna_0.wav.*speaker_pattern.*testing_list.txt"):
        list_clips(teams)


def test_one_list_leaves_the_other_split_to_names(teams):
    (teams / "testing_list.txt").write_text("".join(f"{word}/1_anna_{i}.wav\n" for word in ("one",) for i in range(5)))
    with pytest.raises(InputError, match="35 of 35 names.*do not match"):
        list_clips(teams)
    (teams / "validation_list.txt").write_text("one/1_ben_0.wav\n")
    assert [len(clips) for clips in list_clips(teams).values()] == [34, 1, 5]


@pytest.mark.parametrize("pattern", ["^[0-9]_(.*)_", r"^\d_([a-z]+)_\d+$", r"_([a-z]+)_\d\.wav$"])
def test_a_pattern_keeps_speakers_apart(teams, pattern):
    where = {}
    for split, clips in list_clips(teams, pattern).items():
        for clip in clips:
            where.setdefault(clip.path.split("_")[1], set()).add(split)
    expected = {speaker: {hash_split(f"{speaker}_nohash_0.wav")} for speaker in ("anna", "ben", "chloe", "dan")}
    assert where == expected


def test_one_odd_name_is_enough(root):
    (root / "one" / "cuckoo.wav").touch()
    with pytest.raises(InputError, match="1 of 4 names.*one/cuckoo.wav"):
        list_clips(root)


def test_the_first_nohash_ends_the_speaker():
    assert find_speaker("one/a_nohash_b_nohash_0.wav") == "a" and find_speaker("one/a.wav") is None
    known = {"d12c3e10": "train", "ff63ab0b": "test", "27c30960": "test", "0_nohash": "train"}
    names = {speaker: hash_split(f"zero/{speaker}_nohash_0.wav") for speaker in known}
    assert names == {speaker: rule(speaker) for speaker in known}


def rule(speaker):
    """The rule as it stands in TensorFlow's ``input_data.py``."""
    speaker = re.sub("_nohash_.*$", "", f"{speaker}_nohash_0.wav")
    share = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % 2**27 * (100.0 / (2**27 - 1))
    return "val" if share < 10.0 else "test" if share < 20.0 else "train"


@pytest.mark.parametrize("pattern", ["(", "abc", "(a)(b)", ""])
def test_patterns_that_find_no_speaker_are_refused(pattern):
    with pytest.raises(InputError, match="speaker_pattern"):
        check_speaker_pattern(pattern)


@pytest.mark.parametrize("name", ["Three", "THREE", "three "])
def test_a_misspelt_folder_is_refused(root, name):
    (root / "three").rename(root / name)
    with pytest.raises(InputError, match=f"folder three in .*found '{name}'"):
        list_clips(root)


@pytest.mark.parametrize("target", ["absent", "seven", "one/notes.txt"])
def test_a_digit_that_is_no_folder_is_refused(root, target):
    (root / "seven").symlink_to(root / target)
    with pytest.raises(InputError, match="seven to be a folder"):
        list_clips(root)


def test_a_name_that_is_no_utf_8_is_listed(root):
    os.close(os.open(os.fsencode(root / "one") + b"/\xff_nohash_0.wav", os.O_CREAT))
    assert sum(map(len, list_clips(root).values())) == 4


def test_lists_that_share_a_speaker_are_told(root):
    (root / "validation_list.txt").write_text("one/b_nohash_0.wav\n")
    (root / "testing_list.txt").write_text("three/a_nohash_0.wav\n")
    with pytest.warns(UserWarning, match="1 of 2 speakers into more than one split, such as a:"):
        list_clips(root)
    (root / "testing_list.txt").write_text("three/a_nohash_0.wav\none/a_nohash_0.wav\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list_clips(root)


@pytest.fixture
def held_out(tmp_path):
    """Two training speakers a and b, a third, c, for tests, and a list that holds a clip of either out."""
    for name in ("one/a_nohash_0", "one/a_nohash_1", "two/b_nohash_0", "two/c_nohash_0"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.wav").touch()
    (tmp_path / "testing_list.txt").write_text("two/c_nohash_0.wav\n")
    (tmp_path / "held_out_list.txt").write_text("one/a_nohash_1.wav\ntwo/b_nohash_0.flac\n")
    return tmp_path


def test_held_out_clips_train_nothing(held_out):
    """Those of speakers who have no training clip, such as b here, are left out: their voices are not known."""
    assert [clip.path for clip in list_clips(held_out)["train"]] == ["one/a_nohash_0.wav"]
    assert [clip.path for clip in list_held_out(held_out)] == ["one/a_nohash_1.wav"]
    (held_out / "held_out_list.txt").unlink()
    assert len(list_clips(held_out)["train"]) == 3 and list_held_out(held_out) == []


def test_a_held_out_clip_of_another_split_is_refused(held_out):
    (held_out / "held_out_list.txt").write_text("two/c_nohash_0.wav")
    with pytest.raises(
        InputError, match=r"training clips in held_out_list\.txt of .*two/c_nohash_0\.wav is in .* test"
    ):
        list_clips(held_out)
    (held_out / "held_out_list.txt").rename(held_out / "Held_Out_list.txt")
    with pytest.raises(InputError, match=r"expected the list held_out_list\.txt"):
        list_clips(held_out)
