"""A list finds the clips that it names however it is written, or is refused."""

import codecs

import pytest

from datamodules.split_lists import read_lists
from lightning_modules.errors import InputError

STEMS = ("one/a_nohash_0", "one/b_nohash_0", "three/a_nohash_0", "three/B_nohash_1")
NAMES = ("one/b_nohash_0.wav", "three/a_nohash_0.wav")
WANTED = {"one/b_nohash_0", "three/a_nohash_0"}


def written(names, end="\n"):
    return "".join(f"{name}{end}" for name in names).encode()


WAYS = {
    "plain": written(NAMES),
    "without a last line end": written(NAMES)[:-1],
    "prefix": written(f"speech_commands/{name}" for name in NAMES),
    "absolute": written(f"/data/sc/v2/{name}" for name in NAMES),
    "windows": written((rf"C:\sc\{name}".replace("/", "\\") for name in NAMES), "\r\n"),
    "dots": written(f"./{name.replace('/', '//')}" for name in NAMES),
    "carriage returns": written(NAMES, "\r\n"),
    "byte-order mark": codecs.BOM_UTF8 + written(NAMES),
    "utf-16": written(NAMES, "\r\n").decode().encode("utf-16"),
    "letter case of words": written(name.title() for name in NAMES),
    "letter case of suffixes": written(name.replace(".wav", ".WAV") for name in NAMES),
    "other suffix": written(name.replace(".wav", ".flac") for name in NAMES),
    "quotes and spaces": written(f' "{name}" ' for name in NAMES),
    "blank lines": b"\n\n" + written(NAMES, "\n\n"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("split", ["val", "test"])
def test_every_way_to_write_names(tmp_path, way, split):
    name = {"val": "validation_list.txt", "test": "testing_list.txt"}[split]
    (tmp_path / name).write_bytes(WAYS[way])
    other = {"val": "test", "test": "val"}[split]
    assert read_lists(tmp_path, STEMS) == {split: WANTED, other: None}


def test_exact_case_comes_first(tmp_path):
    stems = ("one/a_nohash_0", "one/A_nohash_0")
    (tmp_path / "testing_list.txt").write_text("one/A_nohash_0.wav\n")
    assert read_lists(tmp_path, stems)["test"] == {"one/A_nohash_0"}


def test_accents_are_found_in_either_form(tmp_path):
    (tmp_path / "testing_list.txt").write_text("one/zo\u00eb_nohash_0.wav\n", encoding="utf-8")
    assert read_lists(tmp_path, ("one/zoe\u0308_nohash_0",))["test"] == {"one/zoe\u0308_nohash_0"}


@pytest.mark.parametrize("names", ["b_nohash_0.wav\n", "1/b_nohash_0.wav\n", "cat/b_nohash_0.wav\n", "file,split\n"])
def test_names_of_no_clip_are_refused(tmp_path, names):
    (tmp_path / "validation_list.txt").write_text(names)
    first = names.strip()
    with pytest.raises(
        InputError, match=f"one/a_nohash_0.wav in .*validation_list.txt.*the first is '{first}', looked"
    ):
        read_lists(tmp_path, STEMS)


def test_an_empty_list_is_told(tmp_path):
    (tmp_path / "testing_list.txt").write_text("\n")
    with pytest.warns(UserWarning, match="testing_list.txt names no clip"):
        assert read_lists(tmp_path, STEMS) == {"val": None, "test": set()}


def test_names_that_are_missing_are_counted(tmp_path):
    (tmp_path / "testing_list.txt").write_text("one/b_nohash_0.wav\nOne/zz.wav\nb_nohash_0.wav\ncat/x.wav\n")
    with pytest.warns(UserWarning, match="2 of 3 digit clips"):
        assert read_lists(tmp_path, STEMS)["test"] == {"one/b_nohash_0"}


def test_a_clip_in_both_lists_is_refused_whatever_its_spelling(tmp_path):
    (tmp_path / "testing_list.txt").write_text("one/b_nohash_0.wav\n")
    (tmp_path / "validation_list.txt").write_text("sc/One/b_nohash_0.flac\n")
    with pytest.raises(InputError, match="one/b_nohash_0 and 0 more stand in both"):
        read_lists(tmp_path, STEMS)


def latin(path):
    path.write_bytes("one/zoë_nohash_0.wav\n".encode("latin-1"))


def dangling(path):
    path.symlink_to(path.parent / "absent")


def looping(path):
    path.symlink_to(path)


def folder(path):
    path.mkdir()


def cut_in_a_character(path):
    path.write_bytes(b"\xff\xfeo\x00n")


@pytest.mark.parametrize("make", [latin, dangling, looping, folder, cut_in_a_character])
def test_a_list_that_cannot_be_read_is_named(tmp_path, make):
    make(tmp_path / "testing_list.txt")
    with pytest.raises(InputError, match="list of clips in UTF-8.*testing_list.txt cannot be read"):
        read_lists(tmp_path, STEMS)


@pytest.mark.parametrize("name", ["Testing_List.txt", "VALIDATION_LIST.TXT", "testing_list.txt "])
def test_a_list_under_another_name_does_not_pass_for_none(tmp_path, name):
    (tmp_path / name).write_bytes(written(NAMES))
    with pytest.raises(InputError, match=f"found '{name}': rename"):
        read_lists(tmp_path, STEMS)
