"""Folders of samples as `scoretap test` and `scoretap predict` leave them, with tones for speech."""

from pathlib import Path

import pytest
from tones import RATE, tone

from datamodules.audio_files import write_wav
from datamodules.corpus_layout import DIGITS
from datamodules.manifest import ManifestPart, merge_parts, sample_file
from lightning_modules.evaluation.scoring.descriptions import Description
from lightning_modules.evaluation.scoring.output import write_scores
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.labels import NO_LABEL, format_label


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The working folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def draw(work):
    """Writes samples of ``requests``, pairs of digit (-1: none) and seed, below ``runs``; returns their folder."""

    def make(name, requests, scale=3.0, scored=None, sampler="DDIM", steps=25):
        folder = work / "runs" / name / "version_0" / "test" / f"guidance={scale:g}-{sampler}-{steps}-{len(requests)}"
        folder.mkdir(parents=True)
        cells = {"guidance": "Constant", "num_steps": steps, "sampler": sampler}
        cells |= {"nfe": steps, "seconds": "1", "checkpoint": "c"}
        part = ManifestPart(folder, 0)
        for i, (label, seed) in enumerate(requests):
            file, guided = sample_file(i, label, seed), 0.0 if label == NO_LABEL else scale
            write_wav(folder / file, tone(200 + 50 * max(label, 0) + seed % 100), RATE)
            part.add(i, {"file": file, "label": format_label(label), "seed": seed, "guidance_scale": guided, **cells})
        merge_parts(folder)
        if scored:
            facts = {"corpus": "digits", "labels": [3, 5], "guidance_scale": scale, "kind": "model"}
            facts |= {"sampler": Description(sampler, (("eta", 1.0),)), "num_steps": steps, "checkpoint": name}
            rows = [Row(scored, 2048, {"fid": 0.5, "accuracy": 0.9}, [], "e" * 64, 100, facts)]
            rows.append(Row("real test", 300, {"fid": 0.1}, [], "e" * 64, 100, {**facts, "kind": "anchor"}))
            write_scores(folder / "scores.json", rows)
        return folder

    return make


@pytest.fixture
def corpus(work):
    """Real speech of digits 3 and 5: four test clips each, of four speakers, and one that trains."""
    root = work / "speech"
    names = []
    for label in (3, 5):
        (root / DIGITS[label]).mkdir(parents=True)
        for speaker in range(5):
            name = f"{DIGITS[label]}/{speaker:08x}_nohash_0.wav"
            write_wav(root / name, tone(1000 + 100 * speaker, 0.1), RATE)
            names += [name] if speaker else []
    (root / "testing_list.txt").write_text("\n".join(names))
    (root / "validation_list.txt").write_text("")
    return root


@pytest.fixture
def report(work, capfd):
    """Runs `scoretap report` in the working folder; returns exit status and standard error."""
    from lightning_modules.cli import main

    def call(*args):
        capfd.readouterr()
        status = main(["report", *map(str, args)])
        return status, capfd.readouterr().err

    return call


@pytest.fixture
def page(report, draw, corpus):
    """A report of a guided model at two scales, an unguided one, and real speech; returns its folder."""
    digits = [(label, seed) for label in (3, 5) for seed in (10, 11)]
    draw("subnet", digits, scored="Score Subnet, γ = 3")
    draw("subnet", digits, scale=1.0, scored="Score Subnet, γ = 1")
    draw("unet", [(-1, 10), (-1, 11)], scale=0.0, scored="U-Net, γ = 0")
    status, err = report("runs", "--reference", corpus, "--per_digit", 2)
    assert (status, err) == (0, "")
    return Path("report").resolve()
