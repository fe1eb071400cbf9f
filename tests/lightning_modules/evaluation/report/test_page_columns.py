"""Who stands beside whom: seeds, names, real speech."""

from pathlib import Path

from lightning_modules.evaluation.report.page_columns import REAL, Line, columns_of, lines_of
from lightning_modules.evaluation.report.sample_sets import SampleSet


def samples(keys, model="m", run="r", scale=3.0, way="DDIM, 25 steps", folder="f"):
    return SampleSet(Path(folder), {key: Path(folder, f"{key}.wav") for key in keys}, model, run, scale, way)


def seeds(column, label):
    return [column.clips[line].seed for line in lines_of([column]) if line.label == label]


def test_seeds_that_models_share_stand_in_one_row():
    one = samples([(3, seed) for seed in (1, 2, 5, 9)], "one")
    two = samples([(3, seed) for seed in (9, 4, 5)], "two")
    first, second = columns_of([one, two], 2, None)
    assert seeds(first, 3) == seeds(second, 3) == [5, 9]
    assert first.clips[Line(3, 1)].file == Path("f", "(3, 9).wav")


def test_a_model_without_the_shared_seed_shows_another_once():
    sets = [samples([(3, 1), (3, 2)]), samples([(3, 1), (3, 2)]), samples([(3, 2), (3, 7)]), samples([(3, 8)])]
    columns = columns_of(sets, 2, None)
    assert [seeds(column, 3) for column in columns] == [[1, 2], [1, 2], [7, 2], [8]]


def test_digits_in_order_and_samples_without_one_last():
    columns = columns_of([samples([(-1, 1), (5, 1), (0, 1)]), samples([(5, 1), (5, 2)])], 3, None)
    assert lines_of(columns) == [Line(0, 0), Line(5, 0), Line(5, 1), Line(-1, 0)]


def test_a_name_means_one_run():
    sets = [
        samples([(3, 1)], "Score Subnet", "a"),
        samples([(3, 1)], "Score Subnet", "b"),
        samples([(3, 1)], "Score Subnet", "b", scale=0.0),
        samples([(3, 1)], "U-Net", "c"),
    ]
    models = [column.model for column in columns_of(sets, 1, None)]
    assert models == ["Score Subnet (a)", "Score Subnet (b)", "Score Subnet (b)", "U-Net"]


def test_columns_that_would_be_alike_are_told_apart():
    sets = [samples([(3, 1)], folder=folder) for folder in ("x/f", "x/g", "y/g")]
    columns = columns_of(sets, 1, None)
    assert len({(column.name, column.way) for column in columns}) == 3
    assert columns[0].way == "DDIM, 25 steps, f"


def test_real_speech_comes_first_from_test_clips_of_different_speakers(corpus):
    real, _ = columns_of([samples([(3, 1), (3, 2), (5, 1), (-1, 1)])], 2, corpus)
    assert real.model == REAL and real.scale is None and real.name == REAL
    files = {line: heard.file for line, heard in real.clips.items()}
    listed = {corpus / name for name in (corpus / "testing_list.txt").read_text().split()}
    assert len(set(files.values())) >= 4 and set(files.values()) <= listed
    assert files[Line(3, 0)].parent.name == "three" and files[Line(5, 1)].parent.name == "five"
    assert {files[Line(-1, i)].parent.name for i in (0, 1)} == {"three", "five"}
    assert real.clips[Line(-1, 0)].note == "recording: five", "which digit it is, is said where none was asked for"


def test_recordings_beside_samples_without_digit_are_of_the_models_digits(corpus):
    real, _ = columns_of([samples([(3, 1), (-1, 1), (-1, 2)])], 2, corpus)
    assert {heard.file.parent.name for heard in real.clips.values()} == {"three"}
    real, _ = columns_of([samples([(-1, 1), (-1, 2)])], 2, corpus)
    assert {heard.file.parent.name for heard in real.clips.values()} == {"three", "five"}
