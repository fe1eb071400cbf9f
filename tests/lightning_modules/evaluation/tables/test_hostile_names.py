"""Names of rows, notes and files are text, whatever a spreadsheet or a reader of Markdown would make of them."""

import csv
from pathlib import Path

import pytest

from lightning_modules.evaluation.scoring.output import csv_text, write_scores
from lightning_modules.evaluation.tables.groups import group_rows
from lightning_modules.evaluation.tables.markdown import format_markdown, markdown_table

FORMULAS = ["=1+1", "+A1", "-2+3", "@SUM(A1)", "\t=1", " =HYPERLINK(1)", '=cmd|" /C calc"!A0']
NAMES = ["<!-- /table -->", "<!-- table -->", "a | b", "a\nb", "a\r\n| x |", "<script>alert(1)</script>", "\\|", "  "]


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("written", ["table.csv", "scores.csv"])
def test_text_in_a_csv_file_is_no_formula(written, name, model, run, scoretap):
    row = model(name, corpus=name, fid=-0.5).replaced(notes=[name])
    if written == "table.csv":
        run("a", row)
        assert scoretap("table", "runs", "--output", ".") == (0, "")
    else:
        write_scores(Path(written), [row])
    with open(written, newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert row["name"] == row["corpus"] == row["notes"] == f"'{name}"
    assert float(row["fid"]) == -0.5, "numbers stay numbers"
    for cell in row.values():
        assert not cell.lstrip().startswith(("=", "+", "@"))


def test_plain_text_is_as_it_was():
    for text in ("U-Net", "a = b", "3", "", "γ = 3"):
        assert csv_text(text) == text


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_in_its_cell(name, model):
    head, _, *lines = markdown_table({"model": [name, "other"], name: ["1", "2"]})
    assert len(lines) == 2
    for line in (head, *lines):
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3 and "\n" not in line and "<" not in line
    text = format_markdown(group_rows([model(name, corpus=name)]))
    assert "<!--" not in text and "<script" not in text


@pytest.mark.parametrize("name", ["<!-- /table -->", "<!-- table -->"])
def test_a_document_is_written_again(name, run, model, scoretap):
    """A name that looks like a mark would end the table in the middle, and the next run would find three marks."""
    run("a", model(name))
    Path("README.md").write_text("before\n<!-- table -->\nold\n<!-- /table -->\nafter\n")
    for _ in range(2):
        assert scoretap("table", "runs", "--readme", "README.md") == (0, "")
    text = Path("README.md").read_text()
    assert text.startswith("before\n<!-- table -->\n") and text.endswith("<!-- /table -->\nafter\n")
    assert text.count("<!--") == 2 and "old" not in text
