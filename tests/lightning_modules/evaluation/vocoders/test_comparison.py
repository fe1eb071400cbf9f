"""`scoretap vocoders`: what it writes, and what it refuses before it begins."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from lightning_modules import neural_vocoders
from lightning_modules.errors import InputError
from lightning_modules.evaluation.vocoders.vocoder_rows import COLUMNS

QUICK = ["--vocoders=[griffin-lim-1, fast=griffin-lim-2]", "--minimum_accuracy=0", "--rounds=1", "--limit=4"]


def test_files(scoretap, evaluator, vocoder, unet, digits_root, capfd, tmp_path, monkeypatch):
    monkeypatch.setattr(neural_vocoders, "fetch_cached", lambda *args: (_ for _ in ()).throw(InputError("no network")))
    twin = shutil.copytree(digits_root, tmp_path / "twin")
    vocoders = f"--vocoders=[griffin-lim-1, ours={vocoder}, fast=griffin-lim-2]"
    drawn = [f"--generators=[{unet}, {unet}]", "--count=1", "--num_steps=2", "--labels=[3, 4]"]
    status, err = scoretap(
        "vocoders", digits_root, twin, f"--evaluators=[{evaluator}]", *QUICK, vocoders, *drawn, "--output=out"
    )
    assert status == 0, err
    names = {"vocoders.md", "vocoders.csv", "vocoders.json", "spectrograms_en.png", "spectrograms_twin.png"}
    assert {path.name for path in Path("out").iterdir()} == names
    with open("out/vocoders.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    order = ["the recording itself", *3 * ["Griffin-Lim 1", "ours", "fast"]]
    assert [row["vocoder"] for row in table] == 2 * order
    assert [row["mels"] for row in table[:10]] == ["real"] * 4 + ["degraded"] * 3 + ["generated"] * 3
    assert {row["clips"] for row in table if row["mels"] == "generated"} == {"2"}
    plain = json.loads(Path("out/vocoders.json").read_text())
    assert [row["vocoder"] for row in plain] == 2 * order and tuple(plain[0]) == COLUMNS
    text = Path("out/vocoders.md").read_text()
    assert text.count("\n### ") == 1 and text.startswith("### en: 4 of 4 real test clips") and "digits 3, 4" in text
    head = next(line for line in text.splitlines() if line.startswith("| vocoder")).strip("| ").split(" | ")
    expected = [
        "vocoder", "STFT distance ↓", "log-Mel error ↓", "PESQ ↑", "STOI ↑", "accuracy, % ↑", "confidence ↑",
        "FID to the recordings ↓", "FID to training ↓", "whistle, dB ↓", "s per s ↓", "× Griffin-Lim 1 ↓",
        "GMACs per s", "FFT GMACs per s", "parameters, M",
    ]  # fmt: skip
    assert head == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--limit=1"], "limit must be at least 2"),
        (["--rounds=0"], "rounds must be at least 1"),
        (["--guidance_scale=0"], "guidance_scale above 0"),
        (["--num_steps=0"], "num_steps must be at least 1"),
        (["--vocoders=[tape]"], "got 'tape'"),
        (["--generators=[a, b]"], "one generator for each of 1 corpora"),
        (["--generators=[missing.ckpt]"], "no checkpoint at 'missing.ckpt'"),
        (["--count=0", "--generators=[UNET]"], "count must be at least 1"),
        (["--labels=[11]"], "expected digits 0 to 9"),
        (["--minimum_accuracy=1"], "it needs"),
    ],
)
def test_refused(more, expected, refused, evaluator, unet, digits_root):
    more = [word.replace("UNET", str(unet)) for word in more]
    assert expected in refused("vocoders", digits_root, f"--evaluators=[{evaluator}]", *QUICK, *more)


def test_paths_are_refused(refused, evaluator, digits_root, tmp_path):
    assert "there is none" in refused("vocoders", "nowhere", f"--evaluators=[{evaluator}]", *QUICK)
    assert "different names" in refused("vocoders", digits_root, digits_root, f"--evaluators=[{evaluator}]", *QUICK)
    assert "one evaluator" in refused("vocoders", digits_root, "--evaluators=[]", *QUICK)
    assert "evaluators" in refused("vocoders", digits_root)
