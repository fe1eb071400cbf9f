"""What `predict` leaves behind: whole WAVs and one whole manifest."""

import csv
import errno
import os
from pathlib import Path

import pytest
import soundfile
import torch
from tiny import check

from callbacks import sample_folder
from datamodules.audio_files import write_wav
from datamodules.manifest import COLUMNS, ManifestPart, merge_parts
from lightning_modules.checkpoints.reading import fingerprint, read_checkpoint

QUICK = ["--sampling.num_steps=8", "--trainer.accelerator=cpu"]


def rows_of(folder):
    with open(folder / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_manifest(scoretap, score_subnet, tmp_path):
    table = tmp_path / "requests.csv"
    table.write_text("label,seed\n3,7\n,8\n3,9\n")
    folder = tmp_path / "deep" / "samples"
    data = ["--data=SampleRequests", f"--data.init_args.csv={table}", "--data.init_args.batch_size=2"]
    guidance = '--sampling.guidance={"class_path": "Interval", "init_args": {"low": 0.2, "high": 3}}'
    command = ["predict", "--ckpt_path", score_subnet, f"--sample_writer.folder={folder}", *data, guidance, *QUICK]
    status, err = scoretap(*command)
    assert status == 0, err
    rows = rows_of(folder)
    assert tuple(rows[0]) == COLUMNS
    assert all(float(row["seconds"]) > 0 for row in rows)
    assert [(row["label"], row["seed"]) for row in rows] == [("3", "7"), ("", "8"), ("3", "9")]
    assert {(row["num_steps"], row["sampler"], row["nfe"]) for row in rows} == {("8", "EulerMaruyama", "8")}
    assert {row["guidance"] for row in rows} == {"Interval(low=0.2, high=3.0, inside=Constant)"}
    assert {row["checkpoint"] for row in rows} == {fingerprint(read_checkpoint(score_subnet)["state_dict"])}
    assert {path.name for path in folder.iterdir()} == {"manifest.csv", *(row["file"] for row in rows)}


def test_overwriting_needs_a_flag(scoretap, score_subnet):
    command = ["predict", "--ckpt_path", score_subnet, *QUICK]
    assert scoretap(*command)[0] == 0
    assert scoretap(*command)[0] == 2
    assert scoretap(*command, "--sample_writer.overwrite=true")[0] == 0


def test_no_manifest_before_all_samples_are_there(scoretap, score_subnet, tmp_path, monkeypatch):
    """An interrupted run must not look complete."""
    real, calls = write_wav, []

    def fails_at_the_fourth(*args):
        calls.append(args)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(args[0]))
        real(*args)

    monkeypatch.setattr(sample_folder, "write_wav", fails_at_the_fourth)
    status, err = scoretap(
        "predict", "--ckpt_path", score_subnet, f"--sample_writer.folder={tmp_path / 'samples'}", *QUICK
    )
    assert status == 1 and err.count("\n") == 1
    check(err, ["scoretap: cannot use", str(tmp_path / "samples" / "00003_3_seed"), "No space left on device"])
    names = {path.name for path in (tmp_path / "samples").iterdir()}
    assert len(names) == 5 and sum(name.endswith(".wav") for name in names) == 3
    with open(tmp_path / "samples" / ".manifest.rank0.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == names - {".manifest.rank0.csv", ".unfinished.json"}, (
        "what is there is indexed"
    )
    assert [row["index"] for row in rows] == ["0", "1", "2"]


def test_a_killed_run_counts_as_samples(scoretap, score_subnet, tmp_path):
    """It is not mixed with another run: refused, or removed on request."""
    folder = tmp_path / "samples"
    folder.mkdir()
    part = ManifestPart(folder, 1)
    part.add(0, dict.fromkeys(COLUMNS, "") | {"file": "00000_3_seed99.wav"})
    (folder / "00000_3_seed99.wav").write_bytes(b"of the killed run")
    command = ["predict", "--ckpt_path", score_subnet, f"--sample_writer.folder={folder}", *QUICK]
    status, err = scoretap(*command)
    assert status == 2 and "already holds samples" in err
    assert scoretap(*command, "--sample_writer.overwrite=true")[0] == 0
    assert {path.name for path in folder.iterdir()} == {"manifest.csv", *(row["file"] for row in rows_of(folder))}


def test_a_run_killed_at_its_very_end_goes_on(scoretap, score_subnet, monkeypatch):
    """All is drawn and listed; only the mark of an unfinished run is still there."""
    command = ["predict", "--ckpt_path", score_subnet, "--data.init_args.labels=[1,2]", *QUICK]

    def killed(path, missing_ok=False, real=Path.unlink):
        if path.name.startswith(".manifest"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        real(path, missing_ok)

    folder = Path("samples")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        assert scoretap(*command)[0] == 1
    before = {path.name: path.read_bytes() for path in folder.glob("0*.wav")}
    assert len(before) == 2 and (folder / "manifest.csv").exists()
    status, err = scoretap(*command)
    assert status == 0, err
    assert {path.name for path in folder.iterdir()} == {"manifest.csv", *before}
    assert [row["file"] for row in rows_of(folder)] == sorted(before)
    assert all((folder / name).read_bytes() == content for name, content in before.items())


def test_overwriting_removes_what_the_manifest_names_and_nothing_else(scoretap, score_subnet, tmp_path):
    folder = tmp_path / "samples"
    command = ["predict", "--ckpt_path", score_subnet, f"--sample_writer.folder={folder}", *QUICK]
    assert scoretap(*command, "--data=SampleRequests", "--data.init_args.labels=[3,4]")[0] == 0
    own = [folder / "notes.txt", folder / "mine.wav", tmp_path / "outside.wav"]
    for path in own:
        path.write_text("mine")
    with open(folder / "manifest.csv", "a") as file:
        file.write("../outside.wav,,0,0.0,8,EulerMaruyama,8,,\n")
    again = ["--data=SampleRequests", "--data.init_args.labels=[5]", "--sample_writer.overwrite=true"]
    assert scoretap(*command, *again)[0] == 0
    assert {path.name for path in folder.iterdir()} == {"manifest.csv", "00000_5_seed0.wav", "notes.txt", "mine.wav"}
    assert all(path.read_text() == "mine" for path in own)


def test_parts_are_merged_in_the_order_of_requests(tmp_path):
    parts = [ManifestPart(tmp_path, rank) for rank in range(2)]
    for index in range(3):
        parts[index % 2].add(index, {name: f"{name} {index}" for name in COLUMNS})
    assert merge_parts(tmp_path) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.csv"]
    assert rows_of(tmp_path) == [{name: f"{name} {index}" for name in COLUMNS} for index in range(3)]


def test_wav_is_whole_or_absent(tmp_path, monkeypatch):
    waveform = torch.linspace(-1, 1, 16000)
    write_wav(tmp_path / "a.wav", waveform, 16000)
    read, rate = soundfile.read(tmp_path / "a.wav")
    assert rate == 16000 and abs(torch.from_numpy(read) - waveform).max() < 1e-4
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"

    def torn(path, content):
        with open(path, "wb") as file:
            file.write(content[:4])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", torn)
    with pytest.raises(OSError, match="disk full"):
        write_wav(tmp_path / "b.wav", waveform, 16000)
    assert not (tmp_path / "b.wav").exists()
