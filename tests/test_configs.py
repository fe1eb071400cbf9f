"""Every packaged config runs, and composes with the others as its first comment says."""

import pytest
import yaml

from lightning_modules import cli
from lightning_modules.arguments import CONFIGS

MODELS = sorted(
    str(path.relative_to(CONFIGS).with_suffix(""))
    for folder in CONFIGS.iterdir()
    for path in folder.glob("*.yaml")
    if "class_path" in yaml.safe_load(path.read_text()).get("model", {})
)
OVERLAYS = {"experiments/features_only": "experiments/score_subnet"}  # laid over a model's config
SMALL = [name for name in MODELS if name.startswith("small/")]
# Paper-size networks in two precisions would take minutes here.
CHEAP = {"--trainer.accelerator": "cpu", "--trainer.precision": "32-true", "--data.init_args.batch_size": 2}


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
    given = [f"--model.init_args.classifier={backbones(family)}"] if model.startswith(("score_subnet", "unet")) else []
    assert cli.main(compose(name, digits_root, tmp_path, "--trainer.fast_dev_run=1", *given)) == 0


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay_changes_what_it_names_and_nothing_else(name, digits_root, tmp_path, capsys):
    printed = []
    for overlay in ([], ["--config", name]):
        with pytest.raises(SystemExit):
            cli.main(compose(OVERLAYS[name], digits_root, tmp_path, *overlay, "--print_config"))
        printed.append(yaml.safe_load(capsys.readouterr().out))
    changed = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    assert changed.keys() == {"model"} and changed["model"].keys() == {"init_args"}
    assert printed[0] != printed[1]
    printed[0]["model"]["init_args"].update(changed["model"]["init_args"])
    assert printed[0] == printed[1]


def test_every_config_of_a_model_is_known():
    """A new overlay is named here with what it is laid over."""
    files = {str(path.relative_to(CONFIGS).with_suffix("")): path for path in CONFIGS.glob("*/*.yaml")}
    with_model = {name for name, path in files.items() if "model" in yaml.safe_load(path.read_text())}
    assert with_model - set(MODELS) == OVERLAYS.keys()


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
