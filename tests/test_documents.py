"""Links, files and headings that documents name exist; the map of the house is whole; its walks enter no file twice."""

import ast
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


def test_the_results_have_a_place_for_tables():
    """`scoretap table --readme` replaces what stands between its marks, each of which it wants once."""
    text = (ROOT / "lightning_modules" / "evaluation" / "RESULTS.md").read_text()
    before, _, after = text.partition("<!-- table -->")
    assert "<!-- table -->" not in after and after.count("<!-- /table -->") == 1 and "<!-- /table -->" not in before


def test_every_column_of_a_row_is_explained():
    from lightning_modules.evaluation.scoring.columns import TABLE

    text = (ROOT / "lightning_modules" / "evaluation" / "README.md").read_text()
    assert not [key for key in TABLE if f"`{key}`" not in text]


def walks():
    """Files of each of the four walks in the map, by the walk's heading."""
    section = MAP.read_text().partition("## Four walks")[2].partition("\n## ")[0]
    found = {
        walk.splitlines()[0]: re.findall(r"^\d+\. `([\w/]+\.py)`", walk, flags=re.M)
        for walk in section.split("\n### ")[1:]
    }
    return {
        heading: [next(base / step for base in (MAP.parent, ROOT) if (base / step).is_file()) for step in steps]
        for heading, steps in found.items()
    }


def imports(path):
    """Modules that a file imports names from, inside functions too."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom)}


def test_walks_run_downhill_and_enter_no_file_twice():
    """No step imports an earlier one."""
    assert len(walks()) == 4
    for heading, steps in walks().items():
        assert len(steps) >= 5 and len(set(steps)) == len(steps), heading
        modules = [".".join(step.relative_to(ROOT).with_suffix("").parts) for step in steps]
        for place, step in enumerate(steps):
            assert not imports(step) & set(modules[:place]), f"{heading}: {modules[place]}"
