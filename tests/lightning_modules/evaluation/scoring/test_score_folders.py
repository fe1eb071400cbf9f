"""`scoretap score` judges every clip that was drawn, also a failed one, and refuses what it cannot read."""

import csv
import json
import math

import numpy as np
import pytest
import soundfile
from tiny import check

from lightning_modules.evaluation.scoring.columns import COLUMNS, FIGURES

CLIPS = {"0.wav": 3, "1.wav": 3, "2.wav": 3}


@pytest.fixture
def samples(tmp_path):
    """Three clips of noise for the digit 3, with a manifest."""
    folder = tmp_path / "samples"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in CLIPS:
        soundfile.write(folder / name, 0.1 * generator.standard_normal(16000), 16000, subtype="PCM_16")
    lines = [f"{name},{label}\n" for name, label in CLIPS.items()]
    (folder / "manifest.csv").write_text("file,label\n" + "".join(lines))
    return folder


def silence(path):
    soundfile.write(path, np.zeros(16000), 16000, subtype="PCM_16")


def test_silence_is_judged(samples, evaluator, scoretap, tmp_path):
    silence(samples / "1.wav")
    output = tmp_path / "scores.csv"
    status, err = scoretap("score", samples, "--evaluator", evaluator, f"--output={output}")
    assert status == 0, err
    with open(output, newline="") as file:
        row = next(csv.DictReader(file))
    assert row["count"] == "3"
    assert all(math.isfinite(float(row[name])) for name in ("accuracy", "confidence", "diversity"))


def test_a_damaged_clip_is_named(samples, evaluator, scoretap):
    silence(samples / "1.wav")
    damaged = samples / "2.wav"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    status, err = scoretap("score", samples, "--evaluator", evaluator)
    assert status == 2 and str(damaged) in err and "truncated" in err and "bad_files" not in err


def test_a_table_with_its_anchors(samples, evaluator, digits_root, scoretap, tmp_path):
    """As CSV and, with the reference that the first run kept, as JSON: the same figures."""
    given = [samples, "--evaluator", evaluator, "--reference", digits_root, "--minimum_accuracy=0"]
    given += [f"--cache_dir={tmp_path / 'kept'}"]
    for name in ("scores.csv", "scores.json"):
        status, err = scoretap("score", *given, "--output", tmp_path / name)
        assert status == 0, err
    with open(tmp_path / "scores.csv", newline="") as file:
        table = list(csv.DictReader(file))
    stored = json.loads((tmp_path / "scores.json").read_text())
    anchors = ["real train", "real test", "real test through Griffin-Lim"]
    assert [row["name"] for row in table] == [*anchors, str(samples), "floor, N = 3"]
    kinds = [*("anchor" for _ in anchors), "folder", "floor"]
    assert [row["kind"] for row in table] == [row["kind"] for row in stored] == kinds
    for plain, row in zip(table, stored, strict=True):
        assert tuple(plain) == COLUMNS and tuple(row) == (*COLUMNS, "confusion")
        assert row["reference_count"] == 160 and len(row["evaluator"]) == 64
        for name in ("count", "reference_count", *FIGURES):
            value = row[name]
            assert plain[name] == "" if value is None else float(plain[name]) == pytest.approx(value, rel=1e-8)
    drawn = stored[3]
    assert drawn["kid"] is None and any(note.startswith("kid: expected at least 4") for note in drawn["notes"])
    assert drawn["fid"] > stored[4]["fid"] > 0 and stored[0]["fid"] is None
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_without_reference_columns_are_empty(samples, evaluator, scoretap, tmp_path):
    (samples / "manifest.csv").unlink()
    status, err = scoretap("score", samples, "--evaluator", evaluator, f"--output={tmp_path / 'scores.csv'}")
    assert status == 0, err
    text = (tmp_path / "scores.csv").read_text()
    row = next(csv.DictReader(text.splitlines()))
    assert not any(row[name] for name in ("accuracy", "fid", "kid", "am", "ndb", "nearest_ratio", "reference_count"))
    assert float(row["is"]) >= 1 and "no clip has an intended digit" in row["notes"] and "nan" not in text


REFUSED = {
    "--output=scores.txt": ["scores.txt", ".csv or .json"],
    "--labels=[3]": ["give --reference"],
    "--reference=nowhere": ["nowhere", "there is none"],
    "--minimum_accuracy=90": ["minimum_accuracy", "90"],
    "--minimum_acuracy=0.5": ["--minimum_acuracy"],
    "--device=gpu7": ["gpu7"],
    "--external=[fid]": ["fad, scoreq", "'fid'"],
    "--external=[fad]": ["fad is a distance to real speech", "--reference"],
}


@pytest.mark.parametrize("setting", REFUSED)
def test_settings_that_do_not_fit(setting, samples, evaluator, refused):
    check(refused("score", samples, "--evaluator", evaluator, setting), REFUSED[setting])


def test_a_judge_that_hears_badly(samples, evaluator, digits_root, refused):
    given = ["--reference", digits_root, "--minimum_accuracy=1"]
    check(refused("score", samples, "--evaluator", evaluator, *given), ["the evaluator recognises", "it needs 100.0%"])


def test_folders_without_clips(evaluator, refused, tmp_path):
    check(refused("score", tmp_path / "nowhere", "--evaluator", evaluator), ["nowhere", "there is none"])
