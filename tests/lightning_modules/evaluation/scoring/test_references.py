"""A reference is computed once for an evaluator and a corpus, and a judge that hears badly is refused."""

import os
import shutil

import pytest
import torch

from datamodules.corpus_layout import list_clips, list_held_out
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring import load_reference, references
from lightning_modules.loading import load_evaluator
from lightning_modules.metrics import distances_without_itself, nearest_distances

ALL = range(10)


@pytest.fixture
def judge(evaluator):
    return load_evaluator(evaluator)


@pytest.fixture
def root(tmp_path, digits_root):
    """A copy of the corpus that a test may change."""
    return shutil.copytree(digits_root, tmp_path / "digits")


def never(*args, **kwargs):
    raise AssertionError("the evaluator was asked again")


def test_computed_once(judge, digits_root, tmp_path, monkeypatch):
    first = load_reference(judge, digits_root, ALL, 0.0, tmp_path)
    assert len(first.train.y) == 160 and len(first.test.y) == 20
    x = first.train.features.double()
    torch.testing.assert_close(first.statistics.mean, x.mean(dim=0))
    torch.testing.assert_close(first.statistics.covariance, x.T.cov())
    assert first.bins is not None and float(first.bins.counts.sum()) == 160 and first.nearest_real > 0
    monkeypatch.setattr(references, "predict", never)
    again = load_reference(judge, digits_root, ALL, 0.0, tmp_path)
    torch.testing.assert_close(again[:5], first[:5], rtol=0, atol=0)
    assert again[5:] == first[5:]
    assert [path.suffix for path in tmp_path.iterdir()] == [".pt"]


def test_null_distances_are_of_held_out_clips_where_a_list_names_some(judge, root, tmp_path):
    without = load_reference(judge, root, ALL, 0.0, tmp_path)
    x = without.train.features
    assert without.null == pytest.approx(distances_without_itself(x).tolist())
    out = [clip.path for clip in list_clips(root)["train"]][::7]
    (root / "held_out_list.txt").write_text("\n".join(out))
    found = load_reference(judge, root, ALL, 0.0, tmp_path)
    held = torch.arange(160) % 7 == 0
    torch.testing.assert_close(found.train.features, x[~held])
    places = [out.index(clip.path) for clip in list_held_out(root)]
    assert len(places) > 5
    assert found.null == pytest.approx(nearest_distances(x[held][places], x[~held]).tolist(), rel=1e-3)


def test_another_corpus_or_choice_is_computed_anew(judge, root, tmp_path, monkeypatch):
    kept = tmp_path / "kept"
    load_reference(judge, root, [3, 4], 0.0, kept)
    monkeypatch.setattr(references, "predict", never)
    with pytest.raises(AssertionError):
        load_reference(judge, root, [3, 5], 0.0, kept)
    first = min((root / "three").iterdir())
    first.touch()
    load_reference(judge, root, [3, 4], 0.0, kept)  # a recording counts by its bytes, not by its time
    before = first.stat()
    content = first.read_bytes()
    first.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(AssertionError):
        load_reference(judge, root, [3, 4], 0.0, kept)


def test_another_judge_is_asked(judge, digits_root, tmp_path, monkeypatch):
    load_reference(judge, digits_root, [3], 0.0, tmp_path)
    next(judge.network.parameters()).data.add_(1e-3)
    monkeypatch.setattr(references, "predict", never)
    with pytest.raises(AssertionError):
        load_reference(judge, digits_root, [3], 0.0, tmp_path)


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "foreign"])
def test_a_damaged_file_is_computed_again(damage, judge, digits_root, tmp_path):
    first = load_reference(judge, digits_root, [3, 4], 0.0, tmp_path)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    middle = content.index(first.train.features.numpy().tobytes()[:64])
    content[middle] ^= 0x01
    if damage == "foreign":
        torch.save({"x": 1}, path)
    else:
        path.write_bytes({"cut": content[:middle], "empty": b"", "flipped": content}[damage])
    with pytest.warns(UserWarning, match="is damaged"):
        again = load_reference(judge, digits_root, [3, 4], 0.0, tmp_path)
    assert torch.equal(again.train.features, first.train.features)


def test_a_judge_that_hears_badly_is_refused(judge, digits_root, tmp_path):
    with pytest.raises(InputError, match=r"of the 20 test clips of .*, it needs 100.0%"):
        load_reference(judge, digits_root, ALL, 1.0, tmp_path)
    assert not list(tmp_path.iterdir())
    load_reference(judge, digits_root, ALL, 0.0, tmp_path)
    with pytest.raises(InputError, match="it needs"):
        load_reference(judge, digits_root, ALL, 1.0, tmp_path)


def test_a_reference_without_test_clips(judge, root, tmp_path):
    for path in (root / "testing_list.txt").read_text().split()[1:]:
        (root / path).unlink()
    with pytest.raises(InputError, match="at least 2 test clips"), pytest.warns(UserWarning):
        load_reference(judge, root, ALL, 0.0, tmp_path / "kept")
