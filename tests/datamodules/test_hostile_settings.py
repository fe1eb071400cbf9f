"""Settings of data modules and numbers in tables that are no plain numbers."""

import pytest
from tiny import check_refusal

from datamodules import SampleRequests, SpeechCommandsDataModule, SpokenDigitsDataModule
from datamodules.manifest import read_manifest
from datamodules.sample_requests import check_batch_size, read_requests
from lightning_modules.errors import InputError

NAN, INF = float("nan"), float("inf")

CASES = [
    (lambda: SpeechCommandsDataModule("x", batch_size=0), "batch_size"),
    (lambda: SpeechCommandsDataModule("x", batch_size=-1), "batch_size"),
    (lambda: SpeechCommandsDataModule("x", batch_size=10**9), "batch_size"),
    (lambda: SpeechCommandsDataModule("x", batch_size=NAN), "batch_size"),
    (lambda: SpeechCommandsDataModule("x", num_workers=-1), "num_workers"),
    (lambda: SpeechCommandsDataModule("x", num_workers=10**6), "num_workers"),
    (lambda: SpeechCommandsDataModule("x", fraction=0), "fraction"),
    (lambda: SpeechCommandsDataModule("x", fraction=-1), "fraction"),
    (lambda: SpeechCommandsDataModule("x", fraction=1.5), "fraction"),
    (lambda: SpeechCommandsDataModule("x", fraction=NAN), "fraction"),
    (lambda: SpeechCommandsDataModule("x", dither=-1), "dither"),
    (lambda: SpeechCommandsDataModule("x", dither=1), "dither"),
    (lambda: SpeechCommandsDataModule("x", dither=NAN), "dither"),
    (lambda: SpeechCommandsDataModule("x", dither=INF), "dither"),
    (lambda: SpeechCommandsDataModule("x", seed=-1), "seed"),
    (lambda: SpeechCommandsDataModule("x", seed=2**63), "seed"),
    (lambda: SpeechCommandsDataModule("x", labels=[]), "labels"),
    (lambda: SpeechCommandsDataModule("x", changed_share=NAN), "changed_share"),
    (lambda: SpokenDigitsDataModule(num_clips=0), "num_clips"),
    (lambda: SpokenDigitsDataModule(num_clips=-1), "num_clips"),
    (lambda: SpokenDigitsDataModule(num_clips=10**12), "num_clips"),
    (lambda: SpokenDigitsDataModule(num_voices=0), "num_voices"),
    (lambda: SampleRequests(count=0), "count"),
    (lambda: SampleRequests(count=-1), "count"),
    (lambda: SampleRequests(count=10**12), "count"),
    (lambda: SampleRequests(seed=-1), "seed"),
    (lambda: SampleRequests(seed=2**63), "seed"),
    (lambda: SampleRequests(seed=2**63 - 1, count=2), "2^63"),
    (lambda: SampleRequests(labels=[10]), "digits"),
    (lambda: check_batch_size(0), "batch_size"),
    (lambda: check_batch_size(10**9), "batch_size"),
]


@pytest.mark.parametrize(("build", "word"), CASES)
def test_refused_in_one_sentence(build, word):
    check_refusal(build, word)


@pytest.mark.parametrize("seed", ["1_0", "٣", "-1", "1.0", "1e3", "", "²", str(2**63)])
def test_a_seed_in_a_table_is_a_plain_number(seed, tmp_path):
    (tmp_path / "requests.csv").write_text(f"label,seed\n3,{seed}\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected a seed"):
        read_requests(tmp_path / "requests.csv")


@pytest.mark.parametrize("label", ["٣", "03", "1_0", "10", "-1", "²", "three"])
def test_a_label_in_a_table_is_one_digit(label, tmp_path):
    (tmp_path / "requests.csv").write_text(f"label,seed\n{label},3\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected a digit"):
        read_requests(tmp_path / "requests.csv")
    assert read_requests(_table(tmp_path, "3, 7")).y.tolist() == [3]


@pytest.mark.parametrize(
    ("seed", "scale"), [("1_0", "3"), ("٣", "3"), ("1", "1_0"), ("1", "nan"), ("1", "٣"), ("", "3")]
)
def test_numbers_in_a_manifest_are_plain(seed, scale, tmp_path):
    text = f"file,label,seed,guidance_scale\na.wav,3,{seed},{scale}\n"
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"manifest\.csv is damaged"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("file", ["../a.wav", "/etc/a.wav", "sub/../../a.wav", "..\\\\a.wav", "C:/a.wav", "", "."])
def test_a_manifest_names_files_in_its_folder_only(file, tmp_path):
    (tmp_path / "manifest.csv").write_text(f"file,label\n{file},3\n")
    with pytest.raises(InputError, match="expected one in the folder or below it"):
        read_manifest(tmp_path, drawn=False)
    (tmp_path / "manifest.csv").write_text("file,label\nsub/a.wav,3\n..b.wav,4\n")
    assert [entry.label for entry in read_manifest(tmp_path, drawn=False)] == [3, 4]


def _table(folder, row):
    path = folder / "good.csv"
    path.write_text(f"label,seed\n{row}\n")
    return path
