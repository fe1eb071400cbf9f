"""Every packaged config runs, and composes with the others as its first comment says."""

import re

import pytest
import yaml

from lightning_modules import cli
from lightning_modules.command_line.arguments import CONFIGS
from lightning_modules.diffusion import VPSDE, InputScaling
from lightning_modules.networks import Classifier, TappedClassifier

MODELS = sorted(
    str(path.relative_to(CONFIGS).with_suffix(""))
    for folder in CONFIGS.iterdir()
    for path in folder.glob("*.yaml")
    if "class_path" in yaml.safe_load(path.read_text()).get("model", {})
)
ABLATIONS = sorted(f"ablations/{path.stem}" for path in CONFIGS.glob("ablations/*.yaml"))


def laid_over(name):
    """The config that the command in an overlay's first comment lays it over."""
    text = (CONFIGS / f"{name}.yaml").read_text()
    return re.findall(r"--config ((?:experiments|small|backbones|distill)/\w+)", text.split("\nmodel:")[0])[0]


LAID = [f"experiments/{name}" for name in ("features_only", "score_subnet_cfg", "unet_cfg")]
LAID += ["small/vocoder_on_generated", "distill/students"]
ON_BACKBONES = ["backbones/resnet18_unconditioned", "backbones/on_resnet18"]
OVERLAYS = {name: laid_over(name) for name in [*LAID, *ON_BACKBONES, *ABLATIONS]}
# Networks with the paper's taps that cost next to nothing.
TINY = {
    "experiments/classifier": {"network.init_args.base_channels": 8, "network.init_args.patch_size": 4},
    "experiments/score_subnet": {
        "subnet.init_args.widths": [8, 8, 8],
        "subnet.init_args.blocks_per_tap": 1,
        "subnet.init_args.patch_size": 4,
    },
}
SMALL = [name for name in MODELS if name.startswith("small/")]
# Paper-size networks in two precisions would take minutes here.
CHEAP = {"--trainer.accelerator": "cpu", "--trainer.precision": "32-true", "--data.init_args.batch_size": 2}


@pytest.fixture(autouse=True)
def installed(request):
    """What needs an optional package is skipped where it is missing."""
    name = getattr(request.node, "callspec", None) and request.node.callspec.params.get("name")
    base = OVERLAYS.get(name, name)
    if name and "torchvision" in (CONFIGS / f"{base}.yaml").read_text():
        pytest.importorskip("torchvision", reason="torchvision is not installed")


def compose(name, digits_root, folder, *more, data="data/speech_commands"):
    """Command line that fits config ``name`` on the tiny corpus."""
    configs = [word for config in ("base", "logger/csv", data, name) for word in ("--config", config)]
    settings = [f"{key}={value}" for key, value in CHEAP.items()]
    places = [f"--trainer.logger.init_args.save_dir={folder}", "--trainer.enable_progress_bar=false"]
    root = [f"--data.init_args.root={digits_root}"]
    return ["fit", *configs, *settings, *places, *root, *more]


@pytest.fixture(scope="module")
def backbones(digits_root, tmp_path_factory):
    """Makes, once per family, a checkpoint of the classifier that a generator's config expects."""
    made = {}

    def make(family):
        if family not in made:
            folder = tmp_path_factory.mktemp(family)
            once = ["--trainer.max_steps=1", "--trainer.limit_val_batches=1", "--trainer.num_sanity_val_steps=0"]
            assert cli.main(compose(f"{family}/classifier", digits_root, folder, *once)) == 0
            made[family] = next(folder.rglob("last.ckpt"))
        return made[family]

    return make


def test_there_is_a_config_per_model_and_size():
    for family in ("small", "experiments"):
        for model in ("classifier", "evaluator", "score_subnet", "unet", "vocoder"):
            assert f"{family}/{model}" in MODELS


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_config_runs(name, backbones, digits_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    family, model = name.split("/")
    if family == "distill":
        few = [
            f"--model.init_args.teaching.{key}={value}"
            for key, value in {"paths": 4, "held_out": 2, "num_steps": 1}.items()
        ]
        given = ["--model.init_args.teacher=arabic-digits", *few]
        assert cli.main(compose(name, digits_root, tmp_path, "--trainer.fast_dev_run=1", *given)) == 0
        return
    given = [f"--model.init_args.classifier={backbones(family)}"] if model.startswith(("score_subnet", "unet")) else []
    assert cli.main(compose(name, digits_root, tmp_path, "--trainer.fast_dev_run=1", *given)) == 0


def small_enough(base):
    """Flags that make the networks of config ``base`` tiny."""
    return [f"--model.init_args.{key}={value}" for key, value in TINY[base].items()]


@pytest.fixture(scope="module")
def tiny_backbone(digits_root, tmp_path_factory):
    """A classifier with the paper's stages and blocks."""
    folder = tmp_path_factory.mktemp("tiny")
    once = ["--trainer.max_steps=1", "--trainer.limit_val_batches=0", *small_enough("experiments/classifier")]
    assert cli.main(compose("experiments/classifier", digits_root, folder, *once)) == 0
    return next(folder.rglob("last.ckpt"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ABLATIONS)
def test_ablation_runs(name, tiny_backbone, digits_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = OVERLAYS[name]
    given = [f"--model.init_args.classifier={tiny_backbone}"] if base.endswith("score_subnet") else []
    more = ["--config", name, "--trainer.fast_dev_run=1", *small_enough(base), *given]
    assert cli.main(compose(base, digits_root, tmp_path, *more)) == 0


@pytest.mark.parametrize("name", ABLATIONS)
def test_ablation_says_what_it_asks(name):
    comment = re.match(r"(?:#.*\n)+", (CONFIGS / f"{name}.yaml").read_text())[0]
    assert re.search(r"\?|measured against", comment.splitlines()[0]), "the first line says the question"
    assert f"--config {name}" in comment and "# Cost: " in comment and "# Result: " in comment
    assert f"--trainer.logger.init_args.name {name.split('/')[1]}" in comment, "two runs would share one name"


@pytest.mark.parametrize("name", [name for name in ABLATIONS if "/taps" in name])
def test_taps_of_an_ablation_exist_at_both_sizes(name):
    text = (CONFIGS / f"{name}.yaml").read_text()
    taps = yaml.safe_load(text)["model"]["init_args"]["taps"]
    scaling = InputScaling(VPSDE(), 0.35)
    paper = Classifier(base_channels=8, patch_size=4)
    small = Classifier(base_channels=8, multipliers=[1, 2], blocks_per_stage=1, bottleneck_blocks=1, patch_size=4)
    assert TappedClassifier(paper, scaling, taps).taps
    if "Only for backbones of the paper's size" in text:
        with pytest.raises(ValueError, match="unknown tap"):
            TappedClassifier(small, scaling, taps)
    else:
        assert TappedClassifier(small, scaling, taps).taps


@pytest.fixture(scope="module")
def printed(digits_root, tmp_path_factory):
    """Prints the whole config that ``names`` compose to on top of ``base``; each composition once."""
    seen = {}

    def run(capsys, base, *names):
        key = (base, *names)
        if key not in seen:
            overlays = [word for name in names for word in ("--config", name)]
            with pytest.raises(SystemExit):
                cli.main(compose(base, digits_root, "runs", *overlays, "--print_config"))
            seen[key] = yaml.safe_load(capsys.readouterr().out)
        return seen[key]

    return run


def leaves(content, path=()):
    """Values by the path of their keys."""
    if not isinstance(content, dict) or not content:
        return {path: content}
    return {key: value for name, child in content.items() for key, value in leaves(child, (*path, name)).items()}


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay_changes_what_it_names_and_nothing_else(name, printed, capsys):
    changed = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    assert all(block.keys() == {"init_args"} for block in changed.values()), "it names no class of model or data"
    assert changed.keys() <= {"model", "data"}
    before, after = (leaves(printed(capsys, OVERLAYS[name], *names)) for names in ((), (name,)))
    named = leaves(changed)
    nodes = {path[:-1] for path in named if path[-1] == "class_path"}  # a class brings its own arguments
    for path in before.keys() | after.keys():
        if path in named:
            assert after[path] == named[path]
        elif not any(path[: len(node)] == node for node in nodes):
            assert before.get(path) == after.get(path), path


@pytest.mark.parametrize("name", [name for name in ABLATIONS if "fusion" in name or "parameterization" in name])
def test_a_class_that_an_ablation_names_gets_no_argument_of_another(name, printed, capsys):
    """jsonargparse would carry over arguments of the class that stood there: none may stand there."""
    nodes = list(class_nodes(yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())))
    assert len(nodes) == 1
    for config in ("experiments/score_subnet", "small/score_subnet"):
        assert nodes[0] not in set(class_nodes(yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())))
    node = printed(capsys, OVERLAYS[name], name)
    for key in nodes[0].strip(".").split("."):
        node = node[key]
    assert node.get("init_args", {}) in ({}, {"head_width": 32})


def test_every_config_of_a_model_is_known():
    """A new overlay is named here with what it is laid over."""
    files = {str(path.relative_to(CONFIGS).with_suffix("")): path for path in CONFIGS.glob("*/*.yaml")}
    with_model = {name for name, path in files.items() if "model" in yaml.safe_load(path.read_text())}
    assert with_model - set(MODELS) == OVERLAYS.keys() & with_model
    assert all("data" in yaml.safe_load(files[name].read_text()) for name in OVERLAYS.keys() - with_model)


@pytest.mark.parametrize("logger", ["csv", "tensorboard", "wandb"])
def test_loggers_compose(logger, digits_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = compose("small/classifier", digits_root, tmp_path, "--print_config")
    arguments[arguments.index("logger/csv")] = f"logger/{logger}"
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("data", ["sc09", "speech_commands", "spoken_digits"])
def test_data_configs_compose_with_the_evaluator(data, digits_root, tmp_path, capsys):
    """The one experiment that changes settings of the data keeps the class that the data file chose."""
    with pytest.raises(SystemExit):
        cli.main(compose("small/evaluator", digits_root, tmp_path, "--print_config", data=f"data/{data}"))
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["data"]["class_path"].lower().replace("_", "").startswith("datamodules." + data.replace("_", ""))
    assert printed["data"]["init_args"]["front_end"]["class_path"] == "lightning_modules.audio.Waveform"


@pytest.mark.parametrize("name", MODELS)
def test_no_two_composed_files_name_a_class_for_one_node(name):
    """jsonargparse would carry arguments of the first class over to the second."""
    owners = {}
    for config in ("base", "logger/csv", "data/sc09", name):
        for node in class_nodes(yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())):
            assert owners.setdefault(node, config) == config, f"{node} is named by {owners[node]} and by {config}"


def class_nodes(content, path=""):
    """Dotted paths of the nodes that name a class; entries of an extended list belong to their file alone."""
    if not isinstance(content, dict):
        return
    if "class_path" in content:
        yield path
    for key, value in content.items():
        if not key.endswith("+"):
            yield from class_nodes(value, f"{path}.{key}")


def test_small_configs_are_light():
    """A newcomer's first model must train on a processor in minutes."""
    assert SMALL
    for name in SMALL:
        settings = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
        assert settings["trainer"]["max_steps"] <= 3000, name
