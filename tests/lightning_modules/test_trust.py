"""Files are data: what they name is imported only if it is scoretap's, or of a package that the user trusts."""

import copy
import sys

import pytest
import tiny
import torch
from tiny import check

from lightning_modules import InputError, trust
from lightning_modules.checkpoints.reading import load_module, read_checkpoint
from lightning_modules.cli import main
from lightning_modules.trust import check_trust, take_flag, trusting

EVIL = """
from pathlib import Path
Path(__file__).with_name("ran").touch()
from lightning_modules.networks import Classifier
from datamodules import SpeechCommandsDataModule
class Net(Classifier):
    pass
class Data(SpeechCommandsDataModule):
    pass
"""


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A module beside the command that leaves a mark when it is imported; tells whether it was."""
    (tmp_path / "work").mkdir(exist_ok=True)
    (tmp_path / "work" / "evil_mod.py").write_text(EVIL)
    monkeypatch.syspath_prepend(str(tmp_path / "work"))
    monkeypatch.delenv(trust.VARIABLE, raising=False)
    yield (tmp_path / "work" / "ran").exists
    sys.modules.pop("evil_mod", None)


@pytest.fixture
def work(tmp_path, monkeypatch, evil):
    """The folder of that module, in which commands run."""
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def command(capfd, *args):
    capfd.readouterr()
    return main([str(arg) for arg in args]), capfd.readouterr().err


PLACES = {
    "the model": lambda c: c["hyper_parameters"].update(_class_path="evil_mod.Net"),
    "its network": lambda c: c["hyper_parameters"]["network"].update(class_path="evil_mod.Net"),
    "a text": lambda c: c["hyper_parameters"].update(network="evil_mod.Net"),
    "a text of settings": lambda c: c["hyper_parameters"].update(network='{"cl\\x61ss_path": evil_mod.Net}'),
    "a key with dots": lambda c: c["hyper_parameters"].update({"network.class_path": "evil_mod.Net"}),
    "a list": lambda c: c["hyper_parameters"].update(network=[[{"class_path": "evil_mod.Net"}]]),
    "a file of settings": lambda c: c["hyper_parameters"].update(network="settings.yaml"),
    "the data": lambda c: c["datamodule_hyper_parameters"].update(_class_path="evil_mod.Data"),
    "its front end": lambda c: c["datamodule_hyper_parameters"].update(front_end={"class_path": "evil_mod.Net"}),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_checkpoint_imports_nothing_of_its_own(place, classifier, work, evil, capfd):
    (work / "settings.yaml").write_text("class_path: evil_mod.Net\n")
    content = read_checkpoint(classifier)
    PLACES[place](content)
    torch.save(content, work / "x.ckpt")
    status, err = command(capfd, "validate", "--ckpt_path", "x.ckpt")
    assert status == 2 and err.count("\n") == 1
    check(err, ["'evil_mod.", "--trust evil_mod", "SCORETAP_TRUST=evil_mod"])
    if "datamodule" not in str(PLACES[place].__code__.co_consts):
        with pytest.raises(InputError, match="--trust evil_mod"):
            load_module("x.ckpt")
    assert not evil() and "evil_mod" not in sys.modules


def test_a_classifier_inside_another_command(classifier, configs, work, evil, capfd):
    content = read_checkpoint(classifier)
    PLACES["its network"](content)
    torch.save(content, work / "x.ckpt")
    fit = tiny.fit_arguments(configs, "score_subnet", "out", "--model.init_args.classifier=x.ckpt")
    status, err = command(capfd, *fit)
    assert status == 2 and "--trust evil_mod" in err and not evil()


def test_a_package_that_the_user_trusts_is_imported(classifier, work, evil, capfd, monkeypatch):
    content = read_checkpoint(classifier)
    PLACES["its network"](content)
    torch.save(content, work / "x.ckpt")
    run = ["validate", "--ckpt_path", "x.ckpt", "--trainer.accelerator=cpu"]
    assert command(capfd, *run, "--trust", "other_mod")[0] == 2 and not evil()
    assert command(capfd, *run, "--trust", "evil_mod")[0] == 0 and evil()
    assert command(capfd, *run)[0] == 2, "trust ends with its command"
    monkeypatch.setenv(trust.VARIABLE, "other_mod, evil_mod")
    assert command(capfd, *run)[0] == 0
    assert type(load_module("x.ckpt").network).__name__ == "Net"


def test_what_the_user_types_needs_no_trust(configs, work, evil, capfd):
    """A class of the user's own on the command line; its checkpoint goes on with the same command line."""
    own = ["--model.init_args.network.class_path=evil_mod.Net", "--trainer.limit_train_batches=0.3"]
    fit = tiny.fit_arguments(configs, "classifier", "out", *own)
    assert command(capfd, *fit, "--trainer.max_epochs=1")[0] == 0 and evil()
    run = "out/run/checkpoints/last.ckpt"
    assert command(capfd, *fit, "--ckpt_path", run, "--trainer.logger.init_args.version=again")[0] == 0
    status, err = command(capfd, "validate", "--ckpt_path", run)
    assert status == 2 and "--trust evil_mod" in err


def test_what_is_no_class_is_no_matter():
    settings = {
        "taps": ["os.path"],
        "root": "json.tool",
        "body": {"class_path": "torchvision.models.resnet18", "init_args": {"weights": None}},
        "network": {"class_path": "Classifier"},
        "title": "a: b, c.d and [e]",
        "module": "no_such_package_at_all.Net",
        "scale": 1.5,
    }
    before = copy.deepcopy(settings)
    check_trust(settings)
    assert settings == before
    deep = settings
    for _ in range(100_000):
        deep = {"x": [deep]}
    check_trust(deep)
    with pytest.raises(InputError, match="'json.tool'"):
        check_trust({"network": " json.tool "})
    with pytest.raises(InputError, match="class_path that is no text"):
        check_trust({"class_path": ["evil"]})


def test_a_known_name_in_the_current_folder_is_not_the_known_package(tmp_path, monkeypatch):
    (tmp_path / "torchaudio.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trust, "find_spec", lambda name: type("Spec", (), {"origin": str(tmp_path / f"{name}.py")}))
    with pytest.raises(InputError, match="'torchaudio.Net'"):
        check_trust({"class_path": "torchaudio.Net"})


def test_the_flag():
    assert take_flag(["--a=1", "--trust", "x,y", "b", "--trust=z"]) == (["--a=1", "b"], ["x", "y", "z"])
    for wrong in (["--trust"], ["--trust="], ["--trust", "--ckpt_path"], ["--trust=a.b"]):
        with pytest.raises(InputError, match="names of packages after --trust"):
            take_flag(wrong)
    with trusting(["one"]), trusting(["two"]):
        check_trust({"class_path": "one.Net", "network": {"class_path": "two.Net"}})
    with pytest.raises(InputError):
        check_trust({"class_path": "one.Net"})
