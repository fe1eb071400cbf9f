"""What commit 40f2fb6 wrote is still read: checkpoints, settings of runs, rows of scores and names in users' code.

``fixtures/40f2fb6`` holds a classifier's ``config.yaml``, the run of a Score Subnet on it and a row of `scoretap test`,
all by the tiny models of ``tiny.py`` (with 4 channels) on the corpus of ``digits_root``, and the public names.
"""

from importlib import import_module
from pathlib import Path

import pytest
import tiny
import torch
import yaml

from lightning_modules import load_generator
from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.cli import main
from lightning_modules.former_names import FORMER_NAMES

FORMER = Path(__file__).parent / "fixtures" / "40f2fb6"
RUN = FORMER / "score_subnet" / "run"
NAMES = {
    package: names.split()
    for package, _, names in (line.partition(": ") for line in (FORMER / "public_names.txt").read_text().splitlines())
}
# They took a command line as a list, and called the function of their name: `cli.main([COMMAND, ...])` does.
GONE = {"score_command", "report_command", "plot_command", "table_command", "vocoders_command"}
CURVES = ("train/loss", "val/loss", "val/loss/t0.00-0.25")


@pytest.fixture
def replayed(digits_root, tmp_path):
    """Runs a stored ``config.yaml`` again, with the places of this test and further flags; gives the checkpoint."""

    def run(name, *more, **init_args):
        config = yaml.safe_load((FORMER / name / "run" / "config.yaml").read_text())
        config["data"]["init_args"]["root"] = str(digits_root)
        config["trainer"]["logger"]["init_args"] |= {"save_dir": str(tmp_path / name), "name": "run"}
        config["model"]["init_args"] |= init_args
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
        assert main(["fit", "--config", str(tmp_path / f"{name}.yaml"), *more]) == 0
        return tmp_path / name / "run" / "checkpoints" / "last.ckpt"

    return run


def test_the_checkpoint_is_a_generator():
    generator = load_generator(RUN)
    waveforms, mels = generator.sample(labels=[3, 1], guidance_scale=3.0, seed=0, num_steps=2)
    assert waveforms.shape == (2, 16000) and mels.shape[0] == 2
    assert torch.isfinite(waveforms).all()
    assert generator.labels == list(range(10))


def test_the_run_is_resumed_where_it_stopped(digits_root, tmp_path):
    places = [f"--trainer.logger.init_args.{key}={value}" for key, value in
              {"save_dir": tmp_path, "name": "run", "version": ""}.items()]  # fmt: skip
    trainer = [f"--trainer.{key}={value}" for key, value in {**tiny.TRAINER, "max_epochs": 3}.items()]
    data = f"--data.init_args.root={digits_root}"
    resumed = ["fit", "--config", "base", "--config", "logger/csv", "--ckpt_path", str(RUN), data, *trainer, *places]
    assert main(resumed) == 0
    for metric in CURVES:
        rest = tiny.logged(tmp_path, metric)
        expected = tiny.logged(FORMER / "resumed", metric)
        assert rest == pytest.approx(expected, rel=1e-4), metric


def test_the_settings_replay_to_the_same_curve(replayed):
    classifier = replayed("classifier")
    checkpoint = replayed("score_subnet", classifier=str(classifier))
    for metric in CURVES:
        found = tiny.logged(checkpoint.parents[2], metric)
        assert found == pytest.approx(tiny.logged(FORMER / "score_subnet", metric), rel=1e-4), metric
    expected, found = read_checkpoint(RUN / "checkpoints" / "last.ckpt"), read_checkpoint(checkpoint)
    assert {*found["hyper_parameters"]} == {*expected["hyper_parameters"]}
    for name, tensor in expected["state_dict"].items():
        torch.testing.assert_close(found["state_dict"][name], tensor, rtol=1e-3, atol=1e-5, msg=name)


def test_the_row_of_scores_is_tabled(tmp_path):
    assert main(["table", str(FORMER / "drawn"), "--output", str(tmp_path)]) == 0
    lines = (tmp_path / "table.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| Score Subnet, γ = 3 "))
    tiny.check(row, ["| 10 |", "| 0.02568 |", "| 0.058 ± 0.000 |", "| 2.287 |", "| 10.0 [0.0, 30.0] |", "| 41.65 |"])
    for name in ("real train", "real test", "through NeuralVocoder", "through Griffin-Lim", "floor, N = 10"):
        assert any(name in line for line in lines), name


@pytest.mark.parametrize("package", NAMES)
def test_public_names_import_from_where_they_did(package):
    module = import_module(package)
    missing = [name for name in NAMES[package] if name not in GONE and not hasattr(module, name)]
    assert not missing


@pytest.mark.parametrize("former", FORMER_NAMES)
def test_a_former_name_is_the_same_module(former):
    assert import_module(former) is import_module(FORMER_NAMES[former])
