"""`scoretap table`: what it writes, and how it refuses."""

import csv
from pathlib import Path

import pytest
from tiny import check

from lightning_modules.evaluation.scoring.columns import COLUMNS
from lightning_modules.evaluation.tables.groups import group_rows
from lightning_modules.evaluation.tables.plot import model_rows, save_plot
from lightning_modules.evaluation.tables.row_files import read_rows

WRITTEN = {"table.md", "table.csv", "fid_against_gmacs.png"}


@pytest.fixture
def tabulate(scoretap, capfd):
    """Runs `scoretap table` in the working folder; returns exit status and what was printed."""
    from lightning_modules.cli import main

    def call(*args):
        capfd.readouterr()
        status = main(["table", *map(str, args)])
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return call


def test_what_is_written(run, model, real, tabulate):
    first, second = run("a", model(), *real), run("b", model("U-Net", "u", labels=[3, 5]), *real)
    run("bad", model()).write_text("[")
    status, out, err = tabulate("runs")
    assert status == 0 and err.count("\n") == 1 and "runs/bad" in err
    assert {path.name for path in Path("table").iterdir()} == WRITTEN
    assert Path("table/table.md").read_text() == out and "| U-Net |" in out
    assert Path("table/fid_against_gmacs.png").read_bytes().startswith(b"\x89PNG")
    with open("table/table.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == (*COLUMNS, "file") and len(table) == 10
    assert [row["file"] for row in table[::5]] == [str(path.relative_to(Path.cwd())) for path in (first, second)]
    assert table[0]["fid"] == "0.5" and table[0]["labels"] == "3; 5" and table[0]["scoreq"] == ""


def test_output_is_written_over(run, model, tabulate):
    run("a", model("before"))
    assert tabulate("runs", "--output", "mine")[0] == 0
    run("a", model("after"))
    assert tabulate("runs", "--output=mine")[0] == 0
    assert "before" not in Path("mine/table.md").read_text() and "after" in Path("mine/table.csv").read_text()
    assert {path.name for path in Path("mine").iterdir()} == WRITTEN


def test_the_readme_gets_the_table(run, model, tabulate):
    run("a", model())
    readme = Path("README.md")
    readme.write_bytes("γ\r\n<!-- table -->old\n<!-- /table -->\nend".encode())
    for _ in range(2):
        status, out, err = tabulate("runs", "--readme", readme)
        assert status == 0, err
        assert readme.read_bytes().decode() == f"γ\r\n<!-- table -->\n{out}<!-- /table -->\nend"


@pytest.mark.parametrize(
    "text", ["", "<!-- table -->", "<!-- /table --><!-- table -->", "<!-- table -->" * 2 + "<!-- /table -->", None]
)
def test_a_readme_without_its_marks_is_refused_before_work(text, run, model, tabulate):
    run("a", model())
    if text is not None:
        Path("README.md").write_text(text)
    status, out, err = tabulate("runs", "--readme=README.md")
    assert status == 2 and not out and not Path("table").exists()
    check(err, ["README.md", "expected"])
    assert text is None or Path("README.md").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["no row from 'nowhere'"]),
        ([], ["runs must be given"]),
        (["runs", "--outptu=x"], ["--outptu"]),
    ],
)
def test_refusals(arguments, words, tabulate):
    status, _, err = tabulate(*arguments)
    assert status == 2 and not list(Path.cwd().iterdir())
    check(err.splitlines()[-1], words)


def test_an_output_that_is_a_file_is_refused(run, model, tabulate):
    run("a", model())
    Path("mine").write_text("kept")
    status, _, err = tabulate("runs", "--output=mine")
    assert status == 2 and "cannot make the folder 'mine'" in err and Path("mine").read_text() == "kept"


def test_a_plot_has_what_it_can(run, model, scores, real, tmp_path):
    """A panel per group with a model; without one, or with an FID of zero, or odd names, still a picture."""
    from matplotlib.image import imread

    def height(*rows):
        groups = group_rows(read_rows(run("a", *rows)))
        save_plot(tmp_path / "plot.png", groups)
        return sum(len(model_rows(group)) for group in groups), imread(tmp_path / "plot.png").shape[0]

    points, one = height(model("$a_$ $b"), *real)
    assert points == 1
    assert height(model(), model("b", evaluator="b" * 64), scores("c", "folder", corpus="c")) == (2, 2 * one)
    assert height(scores("folder", "folder", fid=0.3), model(fid=None), model("b", gmacs_per_sample=None)) == (0, one)
    assert height(model(fid=0.0, fid_error=None)) == (1, one)
