"""Rows are found in run folders; what is damaged or foreign is named and left out."""

import json

import pytest

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.columns import COLUMNS
from lightning_modules.evaluation.tables.row_files import collect_rows, read_rows


def test_rows_come_back_as_they_were_written(run, model, real):
    file = run("one", model(), *real)
    rows = read_rows(file)
    for row, written in zip(rows, [model(), *real], strict=True):
        assert row == written and tuple(row.cells()) == COLUMNS and row.file == str(file)


def test_folders_are_searched_and_each_file_is_read_once(run, model, scoretap):
    first, second = run("a", model()), run("b/deep", model())
    (first.parent / "other.json").write_text("[]")
    assert [row.file for row in collect_rows(["runs", "runs/a", "runs/b/deep/test/scores.json"])] == [
        str(path.relative_to(first.parents[3])) for path in (first, second)
    ]


def test_a_json_file_may_have_any_name(run, model, tmp_path):
    other = run("a", model()).rename(tmp_path / "mine.json")
    assert len(collect_rows([str(other)])) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"name": "x', "damaged"),
        ("", "damaged"),
        ("[" * 100_000, "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        ('{"accuracy": 0.5}', "no list of rows"),
        ("[]", "no list of rows"),
        ("[3]", "'3' in place of a row"),
        ('[{"fid": 0.5}]', "name None"),
    ],
)
def test_damaged_and_foreign_files(content, words, run, model, scoretap, capfd):
    run("good", model())
    bad = run("bad", model())
    bad.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert len(collect_rows(["runs"])) == 1
    err = capfd.readouterr().err
    assert "runs/bad/test/scores.json" in err and words in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"count": "many"},
        {"count": True},
        {"count": -1},
        {"fid": "0.5"},
        {"fid": float("nan")},
        {"fid": float("inf")},
        {"gmacs_per_sample": [1]},
        {"evaluator": None},
        {"kind": "winner"},
        {"labels": "35"},
        {"corpus": 3},
        {"notes": "none"},
        {"sampler": 3},
        {"vocoder": {"settings": {}}},
    ],
)
def test_a_row_with_a_wrong_cell_is_foreign(change, run, model, edited):
    file = run("a", model())
    edited(file, **change)
    with pytest.raises(InputError, match=next(iter(change))):
        read_rows(file)


def test_columns_of_other_versions_do_no_harm(run, model):
    file = run("a", model())
    table = json.loads(file.read_text())
    del table[0]["scoreq"], table[0]["kind"]
    table[0]["of_the_future"] = 3
    file.write_text(json.dumps(table))
    (row,) = read_rows(file)
    assert (
        row["scoreq"] is None and row["kind"] == "folder" and "of_the_future" not in row.cells() and row["fid"] == 0.5
    )


def test_what_has_no_rows_is_named(run, model, scoretap, capfd):
    run("good", model())
    (run("empty", model())).unlink()
    assert len(collect_rows(["runs/empty", "nowhere", "runs/good"])) == 1
    assert capfd.readouterr().err.splitlines() == [
        "scoretap: left out 'runs/empty': no scores.json in this folder",
        "scoretap: left out 'nowhere': no such file or folder",
    ]


def test_nothing_left_is_an_error(scoretap):
    with pytest.raises(InputError, match="no row from 'nowhere'"):
        collect_rows(["nowhere"])
