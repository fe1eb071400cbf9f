"""The house has floors: which room may import which, and when; how large files may grow; what has docstrings."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("lightning_modules", "datamodules", "callbacks")

# From the ground up. A room imports rooms on lower floors only, inside functions too: no import runs upwards, and no
# rooms import each other in a circle. Rooms on one floor do not import each other.
FLOORS = (
    {"errors", "exchange", "former_names", "interruption", "lock_files", "user_name"},
    {"leavings"},
    {"locks"},
    {"new_files"},
    {"labels", "trust"},
    {"audio", "diffusion", "metrics"},
    {"networks"},
    {"muon"},
    {"optimization"},
    {"datamodules"},
    {"checkpoints", "tracking"},
    {"bases"},
    {"classifier", "distillation", "evaluator", "score_subnet", "unet", "vocoder"},
    {"loading"},
    {"diffusion_degradation"},
    {"evaluation.scoring"},
    {"evaluation.tables"},
    {"evaluation.report", "evaluation.vocoders"},
    {"callbacks"},
    {"command_line"},
    {"cli"},
    {"lightning_modules"},  # the package itself: its `__init__` gives the names that users import
)
LEVELS = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

# Rooms that may import less of the project than lies below them.
LIMITS = {
    "errors": set(),
    "former_names": set(),
    "interruption": set(),
    "exchange": set(),
    "lock_files": set(),
    "user_name": set(),
    "leavings": {"lock_files"},
    "locks": {"errors", "leavings", "lock_files"},
    "new_files": {"leavings", "lock_files", "locks"},
    "labels": {"errors"},
    "audio": {"errors", "labels"},
    "diffusion": {"errors", "labels"},
    "metrics": {"errors", "labels", "new_files"},
    "networks": {"errors", "labels", "audio", "diffusion"},
    "muon": {"networks"},
    "optimization": {"errors", "muon"},
    "datamodules": {"errors", "labels", "audio", "leavings", "locks", "new_files"},
    "tracking": {"errors", "labels", "new_files"},
    "cli": {"errors", "interruption", "locks", "command_line", "trust"},
}

# Packages that rooms may not import at all, not even inside a function.
TRAINERS = {"lightning", "pytorch_lightning", "lightning_fabric", "wandb"}
PARSERS = {"jsonargparse", "docstring_parser", "argparse", "lightning.pytorch.cli"}
FORBIDDEN = {
    **dict.fromkeys(("audio", "diffusion", "metrics", "networks"), TRAINERS | PARSERS),
    **dict.fromkeys(("evaluation.scoring", "evaluation.tables", "evaluation.report", "evaluation.vocoders"), PARSERS),
}
COSTLY = {"wandb", "librosa", "matplotlib", "espeakng_loader", "frechet_audio_distance", "scoreq", "pesq", "pystoi",
          "distillmos", "speechmos", "resemblyzer", "pocketsphinx"}  # fmt: skip

# Test files that are about several modules of their folder, or about one case of one: pytest wants each name once.
ACROSS_MODULES = {
    "datamodules/test_wrong_corpora.py": "speech_commands and sc09: what they refuse",
    "callbacks/test_frozen.py": "frozen_guard, EMA and checkpoints together",
    "lightning_modules/test_vocoder_module.py": "vocoder; checkpoints/test_vocoders.py has nearly its name",
    "lightning_modules/audio/test_griffin_lim.py": "the vocoder in vocoders that needs no weights",
    "lightning_modules/audio/test_half_precision.py": "every module under autocast",
    "lightning_modules/bases/test_backbone_modes.py": "frozen_classifier: frozen, fine-tuned and random backbones",
    "lightning_modules/bases/test_classifier_free.py": "label dropout in training, guidance in sampling",
    "lightning_modules/bases/test_label_taps_generator.py": "label taps in training and drawing",
    "lightning_modules/checkpoints/test_misfits.py": "reading: checkpoints that do not fit",
    "lightning_modules/checkpoints/test_names.py": "catalogue and store: models by name",
    "lightning_modules/checkpoints/test_shipped.py": "the models in pretrained/",
    "lightning_modules/command_line/test_errors.py": "one sentence for each mistake",
    "lightning_modules/command_line/test_flags.py": "arguments and trainer",
    "lightning_modules/diffusion/samplers/test_every_sampler.py": "what all samplers promise",
    "lightning_modules/diffusion/samplers/test_guided_samplers.py": "samplers with guidance",
    "lightning_modules/evaluation/report/test_in_a_browser.py": "page.js and blind.js",
    "lightning_modules/evaluation/report/test_make_report.py": "the command",
    "lightning_modules/evaluation/report/test_report_collect.py": "collect; tables/test_collect.py has its name",
    "lightning_modules/evaluation/scoring/external/test_score_external.py": "the command with external metrics",
    "lightning_modules/evaluation/scoring/test_score_folders.py": "the command",
    "lightning_modules/evaluation/tables/test_make_plot.py": "the command",
    "lightning_modules/evaluation/tables/test_make_table.py": "the command",
    "lightning_modules/evaluation/vocoders/test_candidates_and_cost.py": "candidates and cost",
    "lightning_modules/metrics/test_metrics_on_processes.py": "every metric on two processes",
    "lightning_modules/metrics/test_score_intervals.py": "class_sums and resampling",
    "lightning_modules/networks/test_encoders.py": "encoder under the classifier and under the U-Net",
    "lightning_modules/networks/test_label_embedding.py": "every network that reads labels",
    "lightning_modules/networks/test_label_taps.py": "Score Subnets on label taps, with fusions and guidance",
    "lightning_modules/networks/test_paper_sizes.py": "parameters and multiply-accumulates of the paper",
    "lightning_modules/networks/test_score_subnet_network.py": "score_subnet",
    "lightning_modules/networks/test_tap_errors.py": "taps and tap_names: bad names",
    "lightning_modules/networks/test_tap_passes.py": "taps: how often the classifier runs",
    "lightning_modules/tracking/test_offline_run.py": "a run without a server",
}


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
TREES = {module: ast.parse(path.read_text()) for module, path in SOURCES.items()}


def room(module):
    """The room of a module: its folder, or its file where that stands in front; each part of evaluation is one."""
    parts = module.split(".")
    if parts[0] != "lightning_modules" or len(parts) == 1:
        return parts[0]
    return ".".join(parts[1:3]) if parts[1] == "evaluation" and len(parts) > 2 else parts[1]


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


def imports(module, lazy=True):
    nodes = ast.walk(TREES[module]) if lazy else at_import_time(TREES[module])
    return [name for node in nodes for name in imported(node)]


def own_imports(module):
    """Modules of this project that ``module`` imports, inside functions too."""
    found = set()
    for name in imports(module):
        if name.split(".")[0] in PACKAGES:
            while name not in SOURCES:
                name = name.rpartition(".")[0]
            found.add(name)
    return found - {module}


def test_there_is_something_to_check():
    assert len(SOURCES) > 50
    assert sum(len(own_imports(module)) for module in SOURCES) > 300


@pytest.mark.parametrize("module", SOURCES)
def test_no_import_runs_upwards(module):
    own = room(module)
    if own == "evaluation":
        assert not own_imports(module), "lightning_modules.evaluation holds rooms and has no code of its own"
        return
    assert own in LEVELS, f"{module} is in no room of FLOORS: give it a floor"
    for other in own_imports(module):
        if room(other) == own:
            continue
        assert LEVELS[room(other)] < LEVELS[own], f"{module} imports {other}, which is no lower"
        assert own not in LIMITS or room(other) in LIMITS[own], f"{module} imports {other}"


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter({module: own_imports(module) for module in SOURCES}).prepare()  # raises CycleError


@pytest.mark.parametrize("module", [module for module in SOURCES if room(module) in FORBIDDEN])
def test_mathematics_knows_no_trainer_and_evaluation_no_parser(module):
    for name in imports(module):
        for package in FORBIDDEN[room(module)]:
            assert name != package and not name.startswith(f"{package}."), f"{module} imports {name}"


@pytest.mark.parametrize("module", SOURCES)
def test_costly_packages_are_imported_where_they_are_used(module):
    assert not COSTLY & {name.split(".")[0] for name in imports(module, lazy=False)}


def test_tests_mirror_the_tree():
    tests = ROOT / "tests"
    folders = {str(path.parent.relative_to(ROOT)) for path in SOURCES.values()}
    for path in sorted(tests.rglob("test_*.py")):
        name = path.relative_to(tests)
        if len(name.parts) == 1:
            continue  # about the project as a whole
        assert str(name.parent) in folders, f"tests/{name} stands in a folder that the sources do not have"
        module = ROOT / name.parent / f"{name.stem.removeprefix('test_')}.py"
        assert module.is_file() or str(name) in ACROSS_MODULES, f"tests/{name} names no module: say what it is about"


def test_files_stay_small():
    for path in [*SOURCES.values(), *(ROOT / "tests").rglob("*.py")]:
        assert len(path.read_text().splitlines()) <= 300, path.relative_to(ROOT)


@pytest.mark.parametrize("module", SOURCES)
def test_public_names_are_documented(module):
    assert ast.get_docstring(TREES[module]), f"{module} has no docstring"
    for node in TREES[module].body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module}: {node.name} has no docstring"
