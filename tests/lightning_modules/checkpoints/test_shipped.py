"""The models in this checkout, the list and the cards; no fixture stands in for them."""

import shlex
from importlib import resources
from pathlib import Path

import pytest

from lightning_modules import InputError
from lightning_modules.bases.generator import Generator
from lightning_modules.checkpoints.cards import card_text
from lightning_modules.checkpoints.catalogue import FOLDER, NAME, entries, find_entry, is_name
from lightning_modules.checkpoints.reading import load_module, read_checkpoint
from lightning_modules.cli import main

MAXIMUM = 16_000_000  # bytes, so that a clone and a wheel stay small
SHIPPED = entries()
ids = [entry.name for entry in SHIPPED]


def test_each_language_has_a_generator_and_an_evaluator():
    assert {f"{one}{suffix}" for one in ("arabic-digits", "english-digits") for suffix in ("", "-evaluator")} <= set(
        ids
    )


def test_size():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= MAXIMUM


def test_every_file_belongs_to_a_model():
    found = {path.name for path in FOLDER.iterdir() if path.is_file() and path.name != "README.md"}
    own = {f"{entry.name}{suffix}" for entry in SHIPPED for suffix in (".json", ".md")}
    assert found == own | {f"{entry.name}.safetensors" for entry in SHIPPED if entry.facts.url is None}


def test_package_data():
    folder = resources.files("lightning_modules.pretrained")
    assert all(folder.joinpath(f"{name}.json").is_file() for name in ids)


@pytest.mark.parametrize("entry", [entry for entry in SHIPPED if entry.facts.url is None], ids=lambda entry: entry.name)
def test_weights_are_those_of_the_card(entry):
    module = load_module(entry.path.with_suffix(".safetensors"))
    assert sum(parameter.numel() for parameter in module.parameters()) == entry.parameters
    front_end = getattr(module.network, "front_end", module.front_end)
    # Defaults that change must not change what a shipped model reads.
    assert {"class": type(front_end).__name__, **front_end.settings} == entry.front_end
    if isinstance(module, Generator) and module.classifier is not None:
        assert module.classifier.labels == entry.labels


@pytest.mark.parametrize("entry", SHIPPED, ids=ids)
def test_card(entry):
    """Complete, the same facts as the JSON file, and only of corpora whose licence lets weights be passed on."""
    assert NAME.fullmatch(entry.name) and entry.path.with_suffix(".md").read_text() == card_text(entry)
    assert "SA" not in entry.facts.data_licence.split() and "NC" not in entry.facts.data_licence.split()
    assert all(shlex.split(command)[:2] == ["scoretap", "fit"] for command in entry.facts.training)
    assert any(score.interval is not None for score in entry.facts.scores)
    assert not [text for text in strings(read_plain(entry)) if Path(text).is_absolute()]


def read_plain(entry):
    return {"facts": vars(entry.facts), "checkpoint": entry.checkpoint}


def strings(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_reading_twice_gives_two_checkpoints():
    path = find_entry("arabic-digits").path.with_suffix(".safetensors")
    read_checkpoint(path)["hyper_parameters"].clear()
    assert read_checkpoint(path)["hyper_parameters"]


def test_list(ship, capsys):
    ship("vocoder")
    ship("score_subnet")
    capsys.readouterr()
    assert main(["models"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "kind", "corpus", "digits", "MB", "licence", "scores"]
    assert [line.split()[0] for line in lines] == ["tiny-score-subnet", "tiny-vocoder"]
    for part in ("Score Subnet", "tiny", "0–9", "CC BY 4.0", "accuracy 92.8 [91.7, 93.9] %, FID 0.51 ± 0.01"):
        assert part in lines[0]


def test_card_is_printed(ship, capsys):
    path = ship("evaluator")
    capsys.readouterr()
    assert main(["models", "tiny-evaluator"]) == 0
    assert capsys.readouterr().out == path.with_suffix(".md").read_text()


def test_export_by_command(facts, classifier, folder, capsys):
    assert main(["export", str(classifier), "--name=mine", f"--card={facts()}", f"--output={folder}"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["mine.json", "mine.md", "mine.safetensors"]
    assert main(["export", str(classifier), "--name=mine", "--crad=x"]) == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [("arabic-digits", True), ("x.ckpt", False), ("runs/x", False), ("", False), (".", False), ("..", False)],
)
def test_what_can_only_be_a_name(text, named):
    assert is_name(text) is named


def test_no_such_card():
    with pytest.raises(InputError, match="arabic-digits"):
        find_entry("arabic")


def test_listen(ship, scoretap, capfd):
    """Samples, picture and page, through the shipped vocoder that fits."""
    ship("score_subnet")
    ship("vocoder")
    status, err = scoretap("listen", "--model=tiny-score-subnet", "--num_steps=2", "--output=out")
    assert status == 0, err
    assert len(list(Path("out/samples").glob("*.wav"))) == 10
    assert Path("out/mels.png").is_file() and Path("out/page/index.html").is_file()
    status, err = scoretap("listen", "--model=tiny-score-subnet", "--num_steps=2", "--output=out", "--seed=1")
    assert status == 0, err
    assert {path.stem[-5:] for path in Path("out/samples").glob("*.wav")} == {"seed1"}
