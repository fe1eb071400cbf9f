"""`scoretap report`: the folder that it writes, and how it refuses."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lightning_modules.evaluation.report.folder import MARKER

VOID = {"meta", "link", "img", "input", "br", "path"}


class Page(HTMLParser):
    """Elements of a page, and whether each that was opened was closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def all(self, tag, name=None):
        return [attrs for each, attrs in self.elements if each == tag and (name is None or name in attrs)]


def read(folder):
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_everything_named_is_there_and_labelled(page):
    html = read(page)
    named = [each["src"] for tag in ("audio", "img", "script") for each in html.all(tag, "src")]
    named += [each["href"] for each in html.all("link") if not each["href"].startswith("data:")]
    files = {str(path.relative_to(page)) for path in page.rglob("*") if path.is_file()}
    assert len(named) == len(set(named)) and set(named) | {"index.html", MARKER} == files
    # two models at two digits and seeds, one without digits, real speech beside all of them
    assert len(html.all("audio")) == len(html.all("img")) == 2 * 4 + 2 + 6
    assert all(each["alt"].startswith("Spectrogram of ") for each in html.all("img"))
    assert all(each["aria-label"] for each in html.all("audio"))
    names = [each["aria-label"] for each in html.all("button") if each.get("class") == "clip"]
    assert "Play Score Subnet, γ = 3: three, seed 11" in names
    ids = [each["id"] for _, each in html.elements if "id" in each]
    assert len(ids) == len(set(ids))


def test_nothing_comes_from_elsewhere(page):
    for name in ("index.html", "page.css", "page.js", "blind.js"):
        text = (page / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"://|@import|\bimport\b|fetch\(|XMLHttpRequest|url\((?!\"data:)", text), name


def test_columns_rows_and_scores(page):
    html = read(page)
    heads = [(each["data-model"], each["data-scale"]) for each in html.all("th", "data-column")]
    guided = [("Real speech", ""), ("Score Subnet", "1"), ("Score Subnet", "3")]
    assert heads == [*guided, ("Real speech", ""), ("U-Net", "0")], "models without a digit have a table of their own"
    assert [each["data-digit"] for each in html.all("tr", "data-digit")] == ["3", "3", "5", "5", "any", "any"]
    kinds = [each["data-kind"] for each in html.all("tr", "data-kind")]
    assert kinds == ["anchor", "model", "model", "model"], "real speech stands once, though every run judged it"
    values = {(each["name"], each["value"]) for each in html.all("input", "name")}
    models = ("Real speech", "Score Subnet", "U-Net")
    assert values == {
        *(("digit", value) for value in ("3", "5", "any")),
        *(("model", value) for value in models),
        *(("scale", value) for value in ("0", "1", "3")),
    }


def test_odd_names_are_text(draw, report):
    odd = "A<script>alert(1)</script> & \"B\" 'C' | $identity"
    draw("odd", [(3, 1)], scored=odd)
    assert report("runs")[0] == 0
    text = Path("report/index.html").read_text(encoding="utf-8")
    html = Page(text)
    assert "<script>alert" not in text and len(html.all("script")) == 2
    assert html.all("audio")[0]["aria-label"] == f"{odd}, γ = 3: three, seed 1"
    assert html.all("th", "data-model")[0]["data-model"] == odd


def test_bad_runs_are_left_out_of_page_and_table(draw, report):
    draw("good", [(3, 1)], scored="Good, γ = 3")
    bad = draw("bad", [(3, 1)], scored="Bad, γ = 3")
    (bad / "manifest.csv").write_text("nonsense")
    broken = draw("broken", [(3, 1), (5, 1)], scored="Broken, γ = 3")
    (broken / "00000_3_seed1.wav").write_bytes(b"RIFF")
    status, err = report("runs")
    assert status == 0 and err.count("\n") == 2 and "runs/bad" in err and "00000_3_seed1.wav" in err
    text = Path("report/index.html").read_text()
    assert "Bad" not in text and len(Page(text).all("audio")) == 2


def test_the_same_input_gives_the_same_page(page, report, corpus):
    before = {path.relative_to(page): path.read_bytes() for path in page.rglob("*") if path.is_file()}
    assert report("runs", "--reference", corpus, "--per_digit", 2, "--output", "again")[0] == 0
    again = Path("again")
    assert before == {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}


def test_a_report_is_replaced_and_votes_in_it_stay(page, report):
    (page / "votes-ab.csv").write_text("mine")
    assert report("runs", "--per_digit", 1)[0] == 0
    assert (page / "votes-ab.csv").read_text() == "mine"
    assert len(list((page / "audio").iterdir())) == len(read(page).all("audio")) == 2 * 2 + 1
    assert [path.name for path in page.parent.iterdir() if path.name.startswith(".")] == [], "nothing temporary stays"


@pytest.mark.parametrize("taken", ["folder", "file", "link"])
def test_what_is_no_report_is_not_replaced(taken, draw, report, work):
    draw("good", [(3, 1)])
    (work / "theirs").mkdir()
    (work / "theirs" / "thesis.txt").write_text("mine")
    output = {"folder": "theirs", "file": "theirs/thesis.txt", "link": "link"}[taken]
    (work / "link").symlink_to("theirs")
    status, err = report("runs", "--output", output)
    assert status == 2 and err.count("\n") == 1 and "no report" in err
    assert (work / "theirs" / "thesis.txt").read_text() == "mine" and len(list((work / "theirs").iterdir())) == 1


def test_an_interrupted_report_leaves_the_old_one(page, report, monkeypatch):
    from lightning_modules.evaluation.report import listening_page

    before = (page / "index.html").read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(listening_page, "write_page", full)
    status, err = report("runs")
    assert status == 1 and "No space left" in err and (page / "index.html").read_bytes() == before
    assert not [path.name for path in page.parent.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nowhere"], "got none from 'nowhere'"),
        (["runs", "--per_digit", "0"], "per_digit must be at least 1"),
        (["runs", "--reference", "nowhere"], "expected a folder with recordings"),
        (["runs", "--outptu", "x"], "--outptu"),
        ([], "must be given"),
    ],
)
def test_bad_input_is_refused(args, words, draw, report):
    draw("good", [(3, 1)])
    status, err = report(*args)
    assert status == 2 and words in err.splitlines()[-1] and not Path("report").exists()
