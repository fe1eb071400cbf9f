"""The samples that predict draws."""

import pytest
import torch

from datamodules import SampleRequests, loaders
from lightning_modules.errors import InputError


def drawn(data):
    batches = list(data.predict_dataloader())
    return [torch.cat(column).tolist() for column in zip(*batches, strict=True)]


def test_same_seeds_under_every_label():
    y, seed, index = drawn(SampleRequests(labels=[3, 1], count=3, seed=5, batch_size=4))
    assert (y, seed, index) == ([3, 3, 3, 1, 1, 1], [5, 6, 7] * 2, list(range(6)))


def test_all_digits_or_no_label():
    assert drawn(SampleRequests())[0] == list(range(10))
    assert drawn(SampleRequests(labels=[], count=2)) == [[-1, -1], [0, 1], [0, 1]]


def test_table(tmp_path):
    (tmp_path / "r.csv").write_text("seed, label,note\n7,4,x\n8,,y\n")
    assert drawn(SampleRequests(csv=str(tmp_path / "r.csv"))) == [[4, -1], [7, 8], [0, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,seed\n3,1\n12,1\n", "line 3.*'12'"),
        ("label,seed\n3,-1\n", "line 2.*'-1'"),
        ("label,seed\n3\n", "line 2"),
        ("label,seed\nx,1\n", "line 2.*'x'"),
        ("label,seeds\n3,1\n", "seed"),
        ("label,seed\n", "at least one"),
        ("", "columns"),
    ],
)
def test_bad_table(tmp_path, text, message):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        SampleRequests(csv=str(tmp_path / "r.csv"))


BAD = [
    {"labels": [10]},
    {"labels": [1, 1]},
    {"count": 0},
    {"seed": -1},
    {"seed": 2**63},
    {"batch_size": 0},
    {"csv": "absent.csv"},
]


@pytest.mark.parametrize("settings", [*BAD, {"csv": "absent.csv", "labels": [1]}], ids=str)
def test_bad_settings(settings):
    with pytest.raises(InputError):
        SampleRequests(**settings)


def test_two_ranks_draw_every_request_once(monkeypatch):
    seen = []
    for rank in (0, 1):
        monkeypatch.setattr(loaders, "world", lambda rank=rank: (rank, 2))
        seen += drawn(SampleRequests(labels=[1, 2, 3], batch_size=2))[2]
        with pytest.raises(InputError, match="fewer devices"):
            SampleRequests(labels=[1]).predict_dataloader()
    assert sorted(seen) == [0, 1, 2]
