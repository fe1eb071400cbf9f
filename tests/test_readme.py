"""Commands that the README and the configs name can be typed as they stand."""

import functools
import re
import shlex
from pathlib import Path

import pytest

from lightning_modules import cli
from lightning_modules.command_line.arguments import CONFIGS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MODELS = ("classifier", "evaluator", "unet")  # everything else named as a checkpoint is a Score Subnet


def readme_commands():
    """Every `scoretap` command in a fenced block of the README, continued lines joined."""
    if not README.exists():
        return []
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", README.read_text(), flags=re.S | re.M)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in (re.sub(r"^(\$ |srun )", "", line) for line in lines) if line.startswith("scoretap ")]


def config_commands():
    """The command in the first comment of every config."""
    found = []
    for path in sorted(CONFIGS.rglob("*.yaml")):
        comment = re.match(r"(?:#.*\n)+", path.read_text())
        text = re.sub(r"\\\n", " ", re.sub(r"^# ?", "", comment[0] if comment else "", flags=re.M))
        found += [line.strip() for line in text.splitlines() if line.strip().startswith("scoretap ")]
    return found


@pytest.fixture
def parse(request, monkeypatch, tmp_path, capsys):
    """Parses a command without running it; checkpoints that it names are stood in for by tiny ones."""
    from lightning_modules import demo
    from lightning_modules.evaluation.report import command as reports
    from lightning_modules.evaluation.scoring import command as scoring
    from lightning_modules.evaluation.tables import command as tables
    from lightning_modules.evaluation.tables import sweep_command as sweeps
    from lightning_modules.evaluation.vocoders import command as vocoders
    from lightning_modules.pretrained import export as exports

    monkeypatch.chdir(tmp_path)

    @functools.wraps(demo.demo)
    def no_demo(*args, **kwargs): ...

    @functools.wraps(scoring.score_folders)
    def no_scores(*args, **kwargs): ...

    @functools.wraps(tables.make_table)
    def no_table(*args, **kwargs): ...

    @functools.wraps(sweeps.make_plot)
    def no_plot(*args, **kwargs): ...

    @functools.wraps(reports.make_report)
    def no_report(*args, **kwargs): ...

    @functools.wraps(vocoders.compare_vocoders)
    def no_comparison(*args, **kwargs): ...
    @functools.wraps(exports.export)
    def no_export(*args, **kwargs): ...

    monkeypatch.setattr(demo, "demo", no_demo)
    monkeypatch.setattr(scoring, "score_folders", no_scores)
    monkeypatch.setattr(tables, "make_table", no_table)
    monkeypatch.setattr(sweeps, "make_plot", no_plot)
    monkeypatch.setattr(reports, "make_report", no_report)
    monkeypatch.setattr(vocoders, "compare_vocoders", no_comparison)
    monkeypatch.setattr(exports, "export", no_export)

    def run(command):
        words = shlex.split(command, comments=True)[1:]
        for i, word in enumerate(words):
            if word == "--ckpt_path":
                model = next((name for name in MODELS if name in words[i + 1]), "score_subnet")
                words[i + 1] = str(request.getfixturevalue(model))
        if words[0] in ("fit", "validate", "test", "predict"):
            words.append("--print_config")
        try:
            status = cli.main(words)
        except SystemExit as stopped:
            status = stopped.code
        assert not list(tmp_path.rglob("*.ckpt"))
        return status, capsys.readouterr().err

    return run


@pytest.mark.parametrize("command", readme_commands() + config_commands())
def test_command_parses(command, parse):
    if "backbones/resnet18" in command:
        pytest.importorskip("torchvision", reason="torchvision is not installed")
    status, err = parse(command)
    assert status == 0, err


@pytest.mark.parametrize(
    "command",
    [
        "scoretap fit --config base --config data/sc09 --config experiments/clasifier",
        "scoretap fit --config base --config data/sc09 --config small/classifier --trainer.max_step 3",
        "scoretap predict --ckpt_path X --sampling.gamma 3",
        "scoretap demo --outptu runs/demo",
        "scoretap table runs --redme README.md",
        "scoretap plot runs --panel data",
        "scoretap report runs --per_digits 3",
        "scoretap scor runs/demo",
    ],
)
def test_the_check_can_fail(command, parse):
    assert parse(command)[0] == 2


def test_every_experiment_names_its_command():
    named = " ".join(config_commands())
    for path in CONFIGS.glob("*/*.yaml"):
        if path.parent.name not in ("data", "logger", "wandb"):
            assert f"--config {path.parent.name}/{path.stem}" in named, path


def test_a_run_that_is_named_was_made_by_a_command():
    """The CSV logger keeps a run's files in ``runs/NAME/version_0``."""
    commands = readme_commands() + config_commands()
    made = {"scoretap", *re.findall(r"--trainer\.logger\.init_args\.name (\w+)", " ".join(commands))}
    named = re.findall(r"runs/(\w+)/version_0", " ".join(commands))
    assert named and set(named) <= made
    for path in CONFIGS.glob("experiments/*.yaml"):
        assert f"--trainer.logger.init_args.name {path.stem}" in path.read_text(), "two runs would share one name"


@pytest.mark.skipif(not README.exists(), reason="there is no README here")
def test_make_targets_and_files_named_in_the_readme_exist():
    text = README.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, flags=re.M)) <= targets
    for link in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text):
        assert (ROOT / link.split("#")[0]).exists(), link
    for source in re.findall(r'src="(?!https?:)([^"]+)"', text):
        assert (ROOT / source).exists(), source


def test_every_make_target_is_documented():
    text = (ROOT / "Makefile").read_text()
    targets = {name for name in re.findall(r"^([a-z-]+):(?!=)", text, flags=re.M)}
    assert targets == set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.M))
