"""A manifest is read by one reader, which is stricter with samples that scoretap drew."""

import pytest

from datamodules.manifest import COLUMNS, MANIFEST, ManifestPart, merge_parts, read_manifest
from lightning_modules.errors import InputError
from lightning_modules.labels import NO_LABEL


def test_entries_are_those_that_were_added(tmp_path):
    part = ManifestPart(tmp_path, 0)
    row = dict.fromkeys(COLUMNS, "") | {"file": "00000_3_seed7.wav", "label": "3", "seed": 7, "guidance_scale": 1.5}
    part.add(0, row)
    part.add(1, row | {"file": "00001_any_seed8.wav", "label": "", "seed": 8, "guidance_scale": ""})
    assert merge_parts(tmp_path) == 2
    first, second = read_manifest(tmp_path)
    assert (first.file, first.label, first.seed, first.guidance_scale) == ("00000_3_seed7.wav", 3, 7, 1.5)
    assert (second.label, second.seed, second.guidance_scale) == (NO_LABEL, 8, None)
    assert tuple(second.cells) == COLUMNS


@pytest.mark.parametrize("file", ["deep/x.wav", "deep\\x.wav", "x.txt"])
def test_files_of_drawn_samples_lie_in_the_folder(file, tmp_path):
    (tmp_path / MANIFEST).write_text(f"file,label,seed\n{file},3,1\n")
    assert read_manifest(tmp_path, drawn=False)[0].file == file
    with pytest.raises(InputError, match="as file of row 1"):
        read_manifest(tmp_path)


def test_a_manifest_that_is_missing(tmp_path):
    with pytest.raises(InputError, match="damaged"):
        read_manifest(tmp_path)
