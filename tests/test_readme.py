"""Commands that documents and configs name can be typed as they stand; README.md is short and opens with a command."""

import functools
import re
import shlex

import pytest
from documents import CONFIGS, DOCUMENTS, README, ROOT, fenced_blocks, flag_spans, name

from lightning_modules import cli
from lightning_modules.command_line import functions

MODELS = ("classifier", "evaluator", "student", "unet")  # everything else named as a checkpoint is a Score Subnet
LAUNCHERS = re.compile(r"^(\$ |srun |torchrun .*--no-python\s+)")
OF_STUDENTS = (
    "distill/students",
    "init_args.teacher",
    "init_args.teaching",
    "init_args.curriculum",
    "init_args.augmentation",
    "network UNet",
)
COMPOSED = "--config base --config logger/csv --config {data} --config {model}"


def readme_commands():
    """Every `scoretap` command in a fenced block of a document, continued lines joined; each once."""
    blocks = [block for document in DOCUMENTS for block in fenced_blocks(document)]
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    typed = [LAUNCHERS.sub("", line) for line in lines]
    return list(dict.fromkeys(line for line in typed if line.startswith("scoretap ")))


def config_commands():
    """The command in the first comment of every config."""
    found = []
    for path in sorted(CONFIGS.rglob("*.yaml")):
        comment = re.match(r"(?:#.*\n)+", path.read_text())
        text = re.sub(r"\\\n", " ", re.sub(r"^# ?", "", comment[0] if comment else "", flags=re.M))
        found += [line.strip() for line in text.splitlines() if line.strip().startswith("scoretap ")]
    return found


def flag_commands():
    """A command for every flag that a document shows in its text with a value."""
    return list(dict.fromkeys(_with_flag(flag) for document in DOCUMENTS for flag in flag_spans(document)))


def _with_flag(flag):
    if flag.startswith(("--x", "--y", "--lines", "--panels", "--where", "--reference")):
        return f"scoretap plot runs {flag}"
    model = "small/classifier" if "model.init_args.network" in flag else "experiments/score_subnet"
    if any(word in flag for word in OF_STUDENTS):
        model = "distill/student"
    given = COMPOSED.format(data="data/spoken_digits" if "language" in flag else "data/sc09", model=model)
    if flag.startswith("--scoring"):
        return f"scoretap test --ckpt_path score_subnet {flag}"
    if flag.startswith(("--sampling", "--vocoder", "--config sampling")) or "auto" in flag or "init_args.csv" in flag:
        return f"scoretap predict --ckpt_path score_subnet {flag}"
    if "log_model" in flag:
        given = given.replace("logger/csv", "logger/wandb")
    return f"scoretap fit {given} {flag}"


@pytest.fixture
def parse(request, monkeypatch, tmp_path, capsys):
    """Parses a command without running it; checkpoints that it names are stood in for by tiny ones."""
    run_function = functions.run_function

    def parse_only(function, args, command, *more):
        runs = command == "models"  # which only prints, and knows the names
        run_function(function if runs else _do_nothing(function), args, command, *more)

    monkeypatch.setattr(functions, "run_function", parse_only)
    monkeypatch.chdir(tmp_path)

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


def _do_nothing(function):
    """A function with the signature and the docstring of another."""

    @functools.wraps(function)
    def nothing(*args, **kwargs): ...

    return nothing


@pytest.mark.parametrize("command", dict.fromkeys(readme_commands() + config_commands() + flag_commands()))
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


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_make_targets_that_are_named_exist(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(), flags=re.M)) <= targets


def test_every_make_target_is_documented():
    text = (ROOT / "Makefile").read_text()
    targets = {name for name in re.findall(r"^([a-z-]+):(?!=)", text, flags=re.M)}
    assert targets == set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.M))


def test_the_readme_opens_the_door():
    content = README.read_bytes()
    assert len(content) <= 12 * 1024, "README.md has at most 12 KB: the rest belongs to the READMEs of folders"
    start = content[:1000].decode("utf-8", errors="ignore")
    assert ".github/demo.png" in start and re.search(r"^(make|scoretap) ", start, flags=re.M)
    assert "git clone" in content[:2000].decode("utf-8", errors="ignore")


def test_no_table_of_the_readme_is_wide():
    rows = [re.sub(r"`[^`]*`", "", line) for line in README.read_text().splitlines() if line.startswith("|")]
    assert rows and max(line.count("|") - 1 for line in rows) <= 6
