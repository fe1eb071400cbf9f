"""A row holds what the metrics say, names what is missing, and does not depend on batches."""

import math

import pytest
import torch

from lightning_modules.errors import InputError
from lightning_modules.metrics import (
    benchmark_inception_score,
    inception_score,
    modified_inception_score,
    nearest_distances,
    sampled_modified_inception_score,
)
from lightning_modules.scoring.anchors import floor_rows, measures_for, real_rows
from lightning_modules.scoring.judging import measure
from lightning_modules.scoring.measures import Predictions
from lightning_modules.scoring.rows import FIGURES


def batches(seen, size):
    return [Predictions(*columns) for columns in zip(*(part.split(size) for part in seen), strict=True)]


def row(seen, reference=None, size=64):
    return measure("row", batches(seen, size), measures_for(6, reference), "f" * 64)


def test_figures_are_those_of_the_metrics(seen, reference):
    clips = seen(100, seed=3, shift=0.2)
    found = row(clips, reference)
    figures = found.figures
    assert found.count == 100 and set(figures) <= set(FIGURES)
    assert figures["is"] == pytest.approx(float(inception_score(clips.log_probs)))
    assert figures["is_bench"] == pytest.approx(float(benchmark_inception_score(clips.log_probs)))
    assert figures["mis"] == pytest.approx(float(modified_inception_score(clips.log_probs)))
    assert figures["mis_bench"] == pytest.approx(float(sampled_modified_inception_score(clips.log_probs)))
    nearest = nearest_distances(clips.features, reference.train.features).mean()
    assert figures["nearest_ratio"] == pytest.approx(float(nearest) / 0.5)
    assert figures["accuracy_low"] <= figures["accuracy"] <= figures["accuracy_high"]
    assert figures["fid"] > real_rows(reference, "")[1].figures["fid"]
    assert found.notes == ["fid: of 100 clips, fewer than 2048, exploratory"]


def test_a_row_does_not_depend_on_batches(seen, reference):
    clips = seen(64, seed=3)
    one, many = row(clips, reference, 64).figures, row(clips, reference, 7).figures
    assert one.keys() == many.keys()
    for name in one:
        assert one[name] == pytest.approx(many[name], rel=1e-9), name


def test_without_reference_nothing_is_compared(seen):
    found = row(seen(40))
    assert "fid" not in found.figures and "am" not in found.figures and not found.notes


def test_without_digits_there_is_no_accuracy(seen):
    found = row(seen(40, labelled=False))
    assert not {"accuracy", "accuracy_low", "accuracy_high"} & found.figures.keys()
    assert {"confidence", "diversity", "is"} <= found.figures.keys()
    assert found.notes == ["accuracy: no clip has an intended digit"]


def test_one_clip_says_what_it_cannot_tell(seen, reference):
    found = row(seen(1), reference)
    assert all(map(math.isfinite, found.figures.values()))
    missing = set(FIGURES) - found.figures.keys()
    assert {"accuracy_low", "diversity", "is_bench", "fid", "kid", "kid_error"} <= missing
    said = "\n".join(found.notes)
    for words in ("fid: expected at least 2", "kid: expected at least 20", "diversity: no class", "accuracy interval"):
        assert words in said


def test_what_is_not_finite_is_left_out(seen):
    clips = seen(20)
    clips.log_probs[0] = torch.nan
    found = row(clips)
    assert all(map(math.isfinite, found.figures.values()))
    assert "is" not in found.figures and any(note.startswith("is: nan") for note in found.notes)


def test_clusters_that_could_not_be_made_are_a_note(seen, reference):
    found = row(seen(40), reference._replace(bins=None, no_bins="too few"))
    assert "ndb" not in found.figures and "ndb: too few" in found.notes


def test_no_clip_is_an_error():
    with pytest.raises(InputError, match="has none"):
        measure("row", [], measures_for(6, None))


def test_anchors(reference):
    train, test = real_rows(reference, "f" * 64)
    assert (train.name, train.count, test.name, test.count) == ("real train", 200, "real test", 100)
    assert "am" in train.figures and not {"fid", "kid", "nearest_ratio"} & train.figures.keys()
    assert {"fid", "kid", "nearest_ratio"} <= test.figures.keys()


def test_floor_has_the_number_of_clips_of_the_row(reference):
    small, whole, large = floor_rows(reference, "", [100, 50, 50, 101])
    assert (small.count, whole.count, large.count) == (50, 100, 101)
    assert whole.figures["fid"] == pytest.approx(real_rows(reference, "")[1].figures["fid"])
    assert small.figures["fid"] > whole.figures["fid"]  # the bias of fewer clips
    assert not large.figures and "the reference has 100" in large.notes[0]
