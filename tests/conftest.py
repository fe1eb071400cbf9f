"""Small corpora and small trained models that several test modules share."""

import logging
import os
import shutil
import warnings
from pathlib import Path

import pytest
import tiny
import torch
import yaml


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Use one thread, also in child processes: for networks as small as these, threads only wait for each other."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory):
    """Keep features of the shared corpora for the session, outside the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def clean_up():
    """Undo the seeds and warning filters that a run sets, so that they do not reach the next test."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        patch.delenv("PL_GLOBAL_SEED", raising=False)
        yield


@pytest.fixture(scope="session")
def digits_root(tmp_path_factory):
    """A corpus of 200 English clips by eSpeak NG: 160 train, 20 validate, 20 test; read only."""
    from datamodules.spoken_digits import make_corpus

    folder = tmp_path_factory.mktemp("digits") / "en"
    make_corpus(folder, "en", 200, seed=0)
    return folder


@pytest.fixture(scope="session")
def odd_root(tmp_path_factory, digits_root):
    """The same corpus with seven test clips: a number that two processes cannot share evenly; read only."""
    folder = shutil.copytree(digits_root, tmp_path_factory.mktemp("odd") / "en")
    paths = (folder / "testing_list.txt").read_text().split()
    for path in paths[7:]:
        (folder / path).unlink()
    (folder / "testing_list.txt").write_text("\n".join(paths[:7]) + "\n")
    return folder


@pytest.fixture(scope="session")
def configs(tmp_path_factory, digits_root):
    """Folder of config files: ``data`` and one per tiny model."""
    folder = tmp_path_factory.mktemp("configs")
    for name, content in tiny.CONFIGS.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    data = {
        "class_path": "datamodules.SpeechCommandsDataModule",
        "init_args": {"root": str(digits_root), "batch_size": 32},
    }
    (folder / "data.yaml").write_text(yaml.safe_dump({"data": data}))
    return folder


@pytest.fixture(scope="session")
def classifier(tmp_path_factory, configs):
    """Checkpoint of a classifier, trained for two epochs; read only."""
    return tiny.fit(configs, "classifier", tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="session")
def score_subnet(tmp_path_factory, configs, classifier):
    """Checkpoint of a Score Subnet on that classifier; read only."""
    folder = tmp_path_factory.mktemp("score_subnet")
    return tiny.fit(configs, "score_subnet", folder, f"--model.init_args.classifier={classifier}")


@pytest.fixture(scope="session")
def student(tmp_path_factory, configs, score_subnet):
    """Checkpoint of a student of that Score Subnet, with a critic in the second epoch; read only."""
    return tiny.fit(configs, "student", tmp_path_factory.mktemp("student"), f"--model.init_args.teacher={score_subnet}")


@pytest.fixture(scope="session")
def unet(tmp_path_factory, configs, classifier):
    """Checkpoint of a U-Net with that classifier; read only."""
    return tiny.fit(configs, "unet", tmp_path_factory.mktemp("unet"), f"--model.init_args.classifier={classifier}")


@pytest.fixture(scope="session")
def evaluator(tmp_path_factory, configs):
    """Checkpoint of an evaluator; read only."""
    return tiny.fit(configs, "evaluator", tmp_path_factory.mktemp("evaluator"))


@pytest.fixture(scope="session")
def vocoder(tmp_path_factory, configs):
    """Checkpoint of a vocoder, trained for two epochs of which the second is adversarial; read only."""
    return tiny.fit(configs, "vocoder", tmp_path_factory.mktemp("vocoder"))


@pytest.fixture
def scoretap(capfd, tmp_path, monkeypatch):
    """Runs a command in an empty working folder; returns exit status and standard error, without log lines."""
    from lightning_modules.cli import main

    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*args):
        capfd.readouterr()
        status = main([str(arg) for arg in args])
        return status, capfd.readouterr().err

    return run


@pytest.fixture
def refused(scoretap):
    """Runs a command that must be refused; returns the sentence."""

    def run(*args):
        status, err = scoretap(*args)
        assert status == 2, err
        assert err.startswith("scoretap: ") and err.count("\n") == 1 and err.endswith("\n"), err
        assert not [path for path in Path.cwd().rglob("*") if path.is_file()], "work was begun"
        return err

    return run
