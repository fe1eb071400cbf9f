"""Links, files and headings that documents name exist; the map of the house is whole; its walks enter no file twice."""

import re

import pytest
from documents import DOCUMENTS, FILES, ROOT, exists, headings, links, name, named_places

MAP = ROOT / "lightning_modules" / "README.md"


def test_there_are_documents():
    names = set(map(name, DOCUMENTS))
    evaluation = {"lightning_modules/evaluation/README.md", "lightning_modules/evaluation/RESULTS.md"}
    assert names >= {"README.md", "configs/README.md", "tests/README.md", name(MAP), *evaluation}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document):
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_that_are_named_exist(document):
    for word in named_places(document):
        assert exists(word, document), word


def test_the_check_can_fail():
    assert not exists("lightning_modules/no_such_file.py", MAP) and not exists("ablations/no_such_file", MAP)
    assert "no-such-heading" not in headings(MAP)


def test_the_map_names_everything_in_its_folder():
    inside = {path.parts[1] for path in FILES if path.parts[0] == "lightning_modules"} - {"__init__.py", "README.md"}
    text = MAP.read_text()
    assert not [part for part in inside if f"`{part}`" not in text and f"`{part}/`" not in text]


def test_every_config_is_explained():
    text = (ROOT / "configs" / "README.md").read_text()
    names = [path.stem for path in FILES if path.parts[0] == "configs" and path.suffix == ".yaml"]
    assert not [stem for stem in names if not re.search(rf"[`/]{stem}(`|\.yaml`)", text)]


def test_walks_enter_no_file_twice():
    section = MAP.read_text().partition("## Four walks")[2].partition("\n## ")[0]
    walks = section.split("\n### ")[1:]
    assert len(walks) == 4
    for walk in walks:
        steps = re.findall(r"^\d+\. `([\w/]+\.py)`", walk, flags=re.M)
        assert len(steps) >= 5 and len(set(steps)) == len(steps), walk.splitlines()[0]
        for step in steps:
            assert (MAP.parent / step).is_file() or (ROOT / step).is_file(), step
