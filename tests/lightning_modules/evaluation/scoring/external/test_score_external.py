"""`scoretap score --external`: what can be had stands in the rows, what cannot is a note, and the table goes on."""

import json

from lightning_modules.evaluation.scoring.external import scoreq as adapter


def absent():
    raise ModuleNotFoundError("No module named 'scoreq'")


def test_rows(package, clips, evaluator, digits_root, scoretap, tmp_path, monkeypatch):
    """The stand-in of FAD's package, and none of ScoreQ's; the training split and the floor are not asked about."""
    monkeypatch.setattr(adapter, "_module", absent)
    folder, output = clips(5), tmp_path / "scores.json"
    given = ["--evaluator", evaluator, "--reference", digits_root, "--minimum_accuracy=0", "--external=[fad, scoreq]"]
    status, err = scoretap("score", folder, *given, f"--cache_dir={tmp_path / 'kept'}", "--output", output)
    assert status == 0, err
    rows = {row["name"]: row for row in json.loads(output.read_text())}
    asked = ["real test", "real test through Griffin-Lim", str(folder)]
    assert [name for name, row in rows.items() if row["fad"] is not None] == asked
    assert rows["real test"]["fad"] < rows["real test through Griffin-Lim"]["fad"]
    missing = "scoreq: unavailable (No module named 'scoreq'): pip install 'scoretap[scoreq]'"
    assert [name for name, row in rows.items() if missing in row["notes"]] == asked
    assert all(row["scoreq"] is None and row["is"] is not None for row in rows.values())
    assert len(list((tmp_path / "kept").iterdir())) == 3  # the reference, its Griffin-Lim, the background of FAD


def test_nothing_is_asked_by_default(package, clips, evaluator, scoretap):
    status, err = scoretap("score", clips(2), "--evaluator", evaluator)
    assert status == 0 and package.FrechetAudioDistance.made == 0, err
