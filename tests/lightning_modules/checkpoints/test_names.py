"""A name stands for a checkpoint wherever one is given; what is damaged or unknown is refused in one sentence."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import tiny
from tiny import check

from datamodules import download
from datamodules.manifest import MANIFEST
from lightning_modules import InputError, load_generator
from lightning_modules.checkpoints.catalogue import find_entry
from lightning_modules.checkpoints.reading import find_checkpoint, fingerprint, load_module, read_checkpoint

QUICK = ["--sampling.num_steps=2", "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]


@pytest.mark.parametrize("damage", ["cut short", "altered", "empty"])
def test_damaged_file_is_refused_before_it_is_read(damage, ship, monkeypatch):
    path = ship("evaluator")
    whole = path.read_bytes()
    path.write_bytes({"cut short": whole[:-100], "altered": whole[:-1] + bytes([whole[-1] ^ 1]), "empty": b""}[damage])
    monkeypatch.setattr(safetensors.torch, "load", lambda *args: pytest.fail("read before it was checked"))
    with pytest.raises(InputError, match="it was cut short or altered, use another copy") as refused:
        load_module(find_checkpoint("tiny-evaluator"))
    check(str(refused.value), ["tiny-evaluator.safetensors", f"and {hashlib.sha256(path.read_bytes()).hexdigest()}"])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"facts": {}}', '{"facts": null, "sha256": ""}'])
def test_damaged_facts(content, ship):
    path = ship("evaluator").with_suffix(".json")
    path.write_text(content)
    with pytest.raises(InputError, match="tiny-evaluator.json"):
        read_checkpoint(path.with_suffix(".safetensors"))


def test_one_of_the_two_files_is_missing(ship):
    path = ship("evaluator")
    moved = path.rename(path.with_name("alone.safetensors"))
    with pytest.raises(InputError, match="no weights at"):
        read_checkpoint(find_checkpoint("tiny-evaluator"))
    with pytest.raises(InputError, match="or 'tiny-evaluator' without ending, the name of a shipped model"):
        read_checkpoint(find_checkpoint("tiny-evaluator.safetensors"))
    with pytest.raises(InputError, match="expected both files of scoretap export"):
        read_checkpoint(moved)


def test_unknown_name_lists_the_known(ship, refused):
    ship("evaluator")
    ship("unet")
    known = ["no model 'tiny-unit'", "one of tiny-evaluator, tiny-unet; did you mean 'tiny-unet'?"]
    check(refused("predict", "--ckpt_path", "tiny-unit"), known)
    check(refused("models", "tiny-unit"), known)
    for path in ("tiny-unit.ckpt", "runs/tiny-unit"):
        check(refused("predict", "--ckpt_path", path), [f"no checkpoint at '{path}'"])


def test_what_exists_comes_before_a_name(ship, evaluator, tmp_path, monkeypatch):
    ship("unet", "digits")
    monkeypatch.chdir(tmp_path)
    assert type(load_module(find_checkpoint("digits"))).__name__ == "UNetModule"
    shutil.copy(evaluator, "digits")
    assert type(load_module(find_checkpoint("digits"))).__name__ == "EvaluatorModule"
    Path("digits").unlink()
    Path("digits/checkpoints").mkdir(parents=True)
    shutil.copy(evaluator, "digits/checkpoints/last.ckpt")
    assert type(load_module(find_checkpoint("digits"))).__name__ == "EvaluatorModule"


def test_python_loaders_take_names(ship):
    import lightning_modules as package

    for what in ("score_subnet", "evaluator", "vocoder"):
        ship(what)
    assert type(package.load_generator("tiny-score-subnet")).__name__ == "ScoreSubnetModule"
    assert type(package.load_evaluator("tiny-evaluator")).__name__ == "EvaluatorModule"
    assert type(package.NeuralVocoder("tiny-vocoder").network).__name__ == "ConvNeXtISTFT"
    assert all(hasattr(package, name) for name in package.__all__)


def test_predict_speaks_with_names_alone(ship, scoretap):
    ship("score_subnet")
    ship("vocoder")
    vocoder = ["--vocoder", "tiny-vocoder"]
    status, err = scoretap("predict", "--ckpt_path", "tiny-score-subnet", *QUICK, *vocoder)
    assert status == 0, err
    assert len(list(Path("samples").glob("*.wav"))) == 10
    assert find_entry("tiny-score-subnet").fingerprint in Path("samples", MANIFEST).read_text()


def test_trainer_and_scores_read_names(ship, scoretap, digits_root, tmp_path):
    """`test` writes to a run folder here, never beside the shipped file."""
    path = ship("score_subnet")
    ship("evaluator")
    shipped = sorted(path.parent.iterdir())
    scoring = ["--scoring.evaluator=tiny-evaluator", "--scoring.count=4", "--scoring.minimum_accuracy=0"]
    data = [f"--data.init_args.root={digits_root}", f"--scoring.cache_dir={tmp_path / 'kept'}"]
    status, err = scoretap("test", "--ckpt_path=tiny-score-subnet", *QUICK, *scoring, *data)
    assert status == 0, err
    assert sorted(path.parent.iterdir()) == shipped
    (scores,) = Path("runs/tiny-score-subnet/test").glob("*/scores.json")
    rows = json.loads(scores.read_text())
    assert rows[0]["evaluator"] == find_entry("tiny-evaluator").fingerprint
    samples = scores.parent
    status, err = scoretap("score", samples, "--evaluator", "tiny-evaluator", "--output", "scores.csv")
    assert status == 0, err


def test_validate_gives_the_same_loss(ship, scoretap, score_subnet, digits_root, capfd):
    from lightning_modules.command_line.trainer import run_trainer

    ship("score_subnet")
    data = [f"--data.init_args.root={digits_root}", "--trainer.accelerator=cpu"]
    losses = []
    for name in (str(score_subnet), "tiny-score-subnet"):
        capfd.readouterr()
        run_trainer("validate", ["--ckpt_path", name, *data])
        losses.append(float(re.search(r"val/loss\W+([\d.]+)", capfd.readouterr().out)[1]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_backbone_by_name(ship, configs, tmp_path):
    ship("classifier")
    backbone = "--model.init_args.classifier=tiny-classifier"
    trained = tiny.fit(configs, "score_subnet", tmp_path, backbone, "--trainer.max_steps=1")
    stored = read_checkpoint(find_checkpoint("tiny-classifier"))["state_dict"]
    assert read_checkpoint(trained)["scoretap"]["classifier"] == fingerprint(
        {name.removeprefix("network."): tensor for name, tensor in stored.items()}
    )


def test_training_cannot_go_on_from_weights_alone(ship, refused, configs):
    ship("classifier")
    arguments = tiny.fit_arguments(configs, "classifier", "out", "--ckpt_path=tiny-classifier")
    check(refused(*arguments), ["'tiny-classifier' holds weights only", "give a .ckpt file"])


def test_a_model_that_lies_elsewhere(ship, monkeypatch, tmp_path):
    """Fetched once and kept; a copy that was cut short is fetched again, never read."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = ship("unet", url="https://example.org/tiny-unet.safetensors")
    elsewhere, asked = path.rename(tmp_path / "elsewhere"), []

    def send(url, part):
        asked.append(url)
        part.write_bytes(elsewhere.read_bytes())

    monkeypatch.setattr(download, "_continue_download", send)
    assert load_generator("tiny-unet").labels == list(range(10))
    assert find_checkpoint("tiny-unet").parents[2] == tmp_path / "cache" / "scoretap"
    assert asked == ["https://example.org/tiny-unet.safetensors"]
    kept = find_checkpoint("tiny-unet")
    kept.write_bytes(kept.read_bytes()[:100])
    load_generator("tiny-unet")
    assert len(asked) == 2
    elsewhere.write_bytes(b"something else")
    kept.unlink()
    with pytest.raises(InputError, match="expected https://example.org/tiny-unet.safetensors with SHA-256"):
        find_checkpoint("tiny-unet")
    assert not kept.exists()


def test_a_description_is_data(ship, tmp_path, monkeypatch):
    """A class that the JSON file names is not imported, in the working folder or elsewhere."""
    (tmp_path / "evil_mod.py").write_text("raise SystemExit('code ran')")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = ship("score_subnet")
    description = json.loads(path.with_suffix(".json").read_text())
    description["checkpoint"]["hyper_parameters"]["classifier"]["init_args"]["network"]["class_path"] = "evil_mod.Net"
    path.with_suffix(".json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="--trust evil_mod"):
        load_generator(path)
