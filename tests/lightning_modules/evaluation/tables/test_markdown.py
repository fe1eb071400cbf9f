"""The Markdown: tables that parse, marks with their footnotes, the paper's rows as quoted."""

import re

import pytest

from lightning_modules.evaluation.scoring.columns import LARGEST_GAP
from lightning_modules.evaluation.tables.cells import marks
from lightning_modules.evaluation.tables.groups import group_rows
from lightning_modules.evaluation.tables.markdown import format_markdown


def document(*scores):
    return format_markdown(group_rows(scores))


def parsed(text):
    """Tables by heading, each a list of dictionaries; every line has as many cells as the heading."""
    tables = {}
    for section in re.split(r"^### ", text, flags=re.M)[1:]:
        title, _, rest = section.partition("\n")
        lines = [line for line in rest.splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        assert {len(line) for line in cells} == {len(cells[0])}
        assert all(re.fullmatch(":?--:?", cell) for cell in cells[1])
        tables[title] = [dict(zip(cells[0], line, strict=True)) for line in cells[2:]]
    return tables


def test_heading_and_cells(model, real):
    tables = parsed(document(model(accuracy_low=0.94, accuracy_high=0.96, parameters_million=12.4), *real))
    title = "digits: digits 3, 5; evaluator aaaaaaaaaaaa (97.3% right on real test speech); 1,800 reference clips"
    assert next(iter(tables)) == title and len(tables) == 2
    train, *_, row = tables[title]
    assert row["model"] == "Score Subnet, γ = 3" and row["N"] == "2,048" and row["FID ↓"] == "0.500 ± 0.050"
    assert row["accuracy, % ↑"] == "95.0 [94.0, 96.0]" and row["guide accuracy, %"] == "99.0"
    assert (row["GMACs/step"], row["evaluations"], row["GMACs/sample"]) == ("15.79", "100", "1,579")
    assert row["KID ↓"] == "0.01000" and row["IS ↑"] == "8.00" and row["parameters, M: total [trained]"] == "12.40"
    assert train["FID ↓"] == "–"


def test_a_column_that_no_row_has_is_left_out(model):
    without, beside = (next(iter(parsed(document(each)).values()))[0] for each in (model(), model(scoreq=3.1)))
    assert set(beside) - set(without) == {"ScoreQ ↑"} and beside["ScoreQ ↑"] == "3.10"


def test_a_row_without_anything_but_a_name(scores):
    (table, _) = parsed(document(scores("bare", "folder", reference_count=None, evaluator=""))).values()
    assert table == [{"model": "bare", "N": "2,048"}]


@pytest.mark.parametrize("name", ["a|b", "a\nb", "a\\|b", "| |"])
def test_names_stay_in_their_cells(name, model):
    tables = parsed(document(model(name, corpus=name)))
    assert [len(table) for table in tables.values()] == [1, 9]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ""),
        ({"count": 2047}, "†"),
        ({"accuracy": 0.5, "guide_accuracy": 0.5 + LARGEST_GAP + 0.01}, "‡"),
        ({"accuracy": 0.5, "guide_accuracy": 0.5 + LARGEST_GAP - 0.01}, ""),
        ({"accuracy": None, "guide_accuracy": 0.99}, ""),
        ({"count": 40, "accuracy": 0.1}, "†‡"),
    ],
)
def test_marks_have_footnotes(values, expected, model):
    text = document(model(**values))
    assert marks(model(**values)) == expected
    assert ("fewer than 2,048 clips: FID is exploratory" in text) == ("†" in expected)
    assert ("adversarial patterns" in text) == ("‡" in expected)
    assert next(iter(parsed(text).values()))[0]["model"] == f"Score Subnet, γ = 3 {expected}".strip()


def test_the_papers_rows_are_quoted_apart(model):
    text = document(model())
    title, table = list(parsed(text).items())[-1]
    assert "Quoted" in title and "other data" in title
    assert "arXiv:2606.20457" in text and "not comparable" in text and "computed by us" in text
    by_name = {row["model"]: row for row in table}
    assert by_name["Score Subnet, γ = 3"]["GMACs/sample (ours)"] == "1,644"
    assert by_name["DiffWave"]["GMACs/sample (ours)"] == "–" and by_name["EDMSound"]["mIS ↑"] == "160.2"
    assert by_name["U-Net + classifier, γ = 3"]["parameters, M: total [trained]"] == "24.5 [16.6]"
    for row in table:
        if row["GMACs/step"] != "–":
            assert float(row["GMACs/sample (ours)"].replace(",", "")) == pytest.approx(100 * float(row["GMACs/step"]))
