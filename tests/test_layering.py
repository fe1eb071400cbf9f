"""Who may import whom, and when; how large files may grow; what must be documented."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("lightning_modules", "datamodules", "callbacks")
MATHEMATICS = ("diffusion", "networks", "audio", "metrics")
TRAINERS = {"lightning", "pytorch_lightning", "lightning_fabric", "wandb"}
COSTLY = {"wandb", "librosa", "matplotlib", "espeakng_loader", "frechet_audio_distance", "scoreq", "pesq", "pystoi"}
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name(path):
    return str(path.relative_to(ROOT))


def imported(node):
    """Full names that one import statement brings in."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"relative import in line {node.lineno}"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def at_import_time(node):
    """Nodes that run when the module is imported: everything outside functions."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from at_import_time(child)


def imports(path, lazy=True):
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if lazy else at_import_time(tree)
    return [module for node in nodes for module in imported(node)]


def test_there_is_something_to_check():
    assert len(SOURCES) > 50
    assert {path.parent.name for path in SOURCES} >= {*PACKAGES, *MATHEMATICS}


@pytest.mark.parametrize("folder", MATHEMATICS)
def test_mathematics_knows_no_trainer(folder):
    allowed = tuple(f"lightning_modules.{other}" for other in (*MATHEMATICS, "errors", "labels"))
    for path in (ROOT / "lightning_modules" / folder).rglob("*.py"):
        for module in imports(path):
            assert module.split(".")[0] not in {*TRAINERS, "datamodules", "callbacks"}, f"{name(path)}: {module}"
            assert not module.startswith("lightning_modules") or module.startswith(allowed), f"{name(path)}: {module}"


def test_diffusion_and_audio_know_no_network():
    for folder in ("diffusion", "audio"):
        for path in (ROOT / "lightning_modules" / folder).rglob("*.py"):
            assert not any(module.startswith("lightning_modules.networks") for module in imports(path)), name(path)


def test_data_know_no_model():
    allowed = ("lightning_modules.audio", "lightning_modules.errors", "lightning_modules.labels")
    for path in (ROOT / "datamodules").rglob("*.py"):
        for module in imports(path):
            assert not module.startswith("lightning_modules") or module.startswith(allowed), f"{name(path)}: {module}"
            assert not module.startswith("callbacks"), f"{name(path)}: {module}"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_costly_packages_are_imported_where_they_are_used(path):
    assert not COSTLY & {module.split(".")[0] for module in imports(path, lazy=False)}


def test_files_stay_small():
    for path in [*SOURCES, *(ROOT / "tests").rglob("*.py")]:
        assert len(path.read_text().splitlines()) <= 300, name(path)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_public_names_are_documented(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{name(path)} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name(path)}: {node.name} has no docstring"
