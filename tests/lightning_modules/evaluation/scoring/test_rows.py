"""A row holds what the metrics say, names what is missing, and does not depend on batches."""

import math

import pytest
import torch

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.anchors import floor_rows, measures_for, real_rows
from lightning_modules.evaluation.scoring.columns import COLUMNS, FIGURES, NUMBERS, SHOWN, TABLE
from lightning_modules.evaluation.scoring.measures import Measure, Predictions
from lightning_modules.evaluation.scoring.predictions import measure, predict
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.loading import load_evaluator
from lightning_modules.metrics import (
    AMScore,
    FrechetError,
    KernelDistance,
    ManifoldMetrics,
    benchmark_inception_score,
    distances_without_itself,
    inception_score,
    modified_inception_score,
    nearest_distances,
    sampled_modified_inception_score,
    wilson_interval,
)


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
    for name in ("accuracy", "confidence", "diversity", "is", "mis", "am"):
        assert figures[f"{name}_low"] < figures[name] < figures[f"{name}_high"], name
    hits = clips.log_probs.argmax(dim=1) == clips.y
    assert figures["accuracy"] == pytest.approx(float(hits.double().mean()))
    expected = wilson_interval(int(hits.sum()), 100)
    assert (figures["accuracy_low"], figures["accuracy_high"]) == pytest.approx(expected[1:])
    error = FrechetError(6, reference.statistics)
    error.update(clips.features, torch.arange(100), clips.y)
    assert figures["fid_error"] == pytest.approx(float(error.compute()))
    kernel = KernelDistance(6, reference=reference.train.features, reference_classes=reference.train.y)
    kernel.update(clips.features, y=clips.y)
    expected = {name: pytest.approx(float(value)) for name, value in kernel.compute().items()}
    assert {name: figures[name] for name in expected} == expected
    manifold = ManifoldMetrics(reference.train.features)
    manifold.update(clips.features)
    for name, value in manifold.compute().items():
        assert figures[f"manifold_{name}"] == pytest.approx(float(value))
    threshold = distances_without_itself(reference.train.features).quantile(0.05)
    near = int((nearest_distances(clips.features, reference.train.features) < threshold).sum())
    assert 0 < near < 100 and figures["memorised"] == near / 100
    assert (figures["memorised_low"], figures["memorised_high"]) == pytest.approx(wilson_interval(near, 100)[1:])
    am = AMScore(reference=reference.mean_probs)
    am.update(clips.log_probs)
    assert figures["am"] == pytest.approx(float(am.compute()))
    assert figures["fid"] > real_rows(reference, "")[1].figures["fid"]
    assert found.notes == ["fid: of 100 clips, fewer than 2048, exploratory"]


def test_a_row_does_not_depend_on_batches(seen, reference):
    """Nor on their order: file order is by index."""
    clips = seen(64, seed=3)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    shuffled = Predictions(*(part[order] for part in clips))
    one = row(clips, reference, 64)
    for other in (row(clips, reference, 7), row(shuffled, reference, 9)):
        assert other.confusion == one.confusion and other.figures.keys() == one.figures.keys()
        for name, value in one.figures.items():
            assert other.figures[name] == pytest.approx(value, rel=1e-9), name


def test_confusion_counts_intended_and_heard(seen):
    clips = seen(100, seed=3)
    clips.y[:5] = -1
    table = row(clips).confusion
    expected = [[0] * 10 for _ in range(10)]
    for asked, heard in zip(clips.y.tolist(), clips.log_probs.argmax(dim=1).tolist(), strict=True):
        if asked >= 0:
            expected[asked][heard] += 1
    assert table == expected and sum(map(sum, table)) == 95
    assert row(seen(10, labelled=False)).confusion is None


class Recorder(Measure):
    """Notes where it is told to work."""

    def __init__(self):
        self.devices = []

    def to(self, device):
        self.devices.append(torch.device(device))

    def update(self, seen):
        pass

    def parts(self):
        return {}


def test_measures_work_where_the_predictions_are(seen, reference):
    recorder = Recorder()
    clips = [Predictions(*(part.to("meta") for part in batch)) for batch in batches(seen(10), 4)]
    measure("row", clips, [recorder])
    assert recorder.devices == [torch.device("meta")]
    for each in measures_for(6, reference):
        assert each.metrics() and {metric.device.type for metric in each.metrics()} == {"cpu"}
        each.to("meta")
        for metric in each.metrics():
            assert metric.device.type == "meta"
            assert {tensor.device.type for tensor in metric.buffers()} <= {"meta"}


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device here: run `make check-gpus` where there is one"
)
def test_figures_do_not_depend_on_the_device(seen, reference):
    clips = seen(64, seed=3)
    expected = row(clips, reference)
    train, test = (Predictions(*(part.cuda() for part in split)) for split in (reference.train, reference.test))
    found = row(Predictions(*(part.cuda() for part in clips)), reference._replace(train=train, test=test))
    assert found.confusion == expected.confusion and found.notes == expected.notes
    assert found.figures == pytest.approx(expected.figures, rel=1e-9)


def test_predictions_are_numbered_as_they_come(evaluator):
    judge = load_evaluator(evaluator)
    given = [(torch.zeros(size, 16000), torch.arange(size)) for size in (3, 1, 2)]
    found = list(predict(judge, given))
    assert [part.index.tolist() for part in found] == [[0, 1, 2], [3], [4, 5]]
    assert all(part.device == judge.device for batch in found for part in batch)


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
    shares = {f"{name}{ending}" for name in ("accuracy", "memorised") for ending in ("", "_low", "_high")}
    assert set(found.figures) == {*shares, "confidence", "mis", "mis_bench", "am", "ndb", "nearest_ratio"}
    said = "\n".join(found.notes)
    for words in ("fid: expected at least 2", "kid: expected at least 4", "diversity: no class", "coverage: expected"):
        assert words in said
    for words in ("is: expected at least 2", "is and mis intervals: expected", "am interval: expected", "fid_error: "):
        assert words in said


def test_two_clips(seen, reference):
    """Of two classes: no class has two clips."""
    found = row(seen(2), reference)
    assert all(map(math.isfinite, found.figures.values())) and "nan" not in "".join(found.notes)
    assert {"accuracy_low", "is_low", "mis_high", "is_bench", "am_low", "fid"} <= found.figures.keys()
    assert not {"diversity", "fid_error", "kid"} & found.figures.keys()


def test_clips_that_are_all_the_same(seen, reference):
    """One class, covariance zero: every figure is defined, and only intervals of shares have a width."""
    clips = Predictions(*(part[:1].expand(40, *part.shape[1:]) for part in seen(1)))._replace(index=torch.arange(40))
    found = row(clips, reference)
    external = ("fad", "scoreq", "distillmos", "dnsmos", "pocketsphinx", "voice")
    others = ("guide", "accuracy_seen", "accuracy_unseen", *external)
    measured = {name for name in FIGURES if not name.startswith(others)}
    assert set(found.figures) == measured and all(map(math.isfinite, found.figures.values()))
    for name in ("is", "mis", "am"):
        assert found.figures[f"{name}_low"] == pytest.approx(found.figures[f"{name}_high"], rel=1e-12)
    assert found.figures["accuracy_low"] < 0.95 and found.figures["accuracy_high"] == 1.0
    assert found.figures["is"] == pytest.approx(1.0) and found.figures["fid_error"] == pytest.approx(0.0, abs=1e-7)


def test_a_class_without_clips(seen, reference):
    clips = Predictions(*(part[seen(100).y != 3] for part in seen(100)))
    found = row(clips, reference)
    assert all(map(math.isfinite, found.figures.values())) and {"am_low", "fid_error"} <= found.figures.keys()
    assert sum(found.confusion[3]) == 0 and found.figures["am"] > row(seen(100), reference).figures["am"]


def test_what_is_not_finite_is_left_out(seen):
    clips = seen(20)
    clips.log_probs[0] = torch.nan
    found = row(clips)
    assert all(map(math.isfinite, found.figures.values()))
    assert not {"is", "is_low", "mis_high"} & found.figures.keys()
    for name in ("is", "is_low", "mis_high"):
        assert f"{name}: nan, left out" in found.notes


def test_features_that_are_not_finite_are_left_out(seen, reference):
    clips = seen(40)
    clips.features[0] = torch.nan
    found = row(clips, reference)
    assert all(map(math.isfinite, found.figures.values())) and "is_low" in found.figures
    assert not {"fid", "fid_error", "kid", "nearest_ratio", "diversity"} & found.figures.keys()


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
    assert large.figures.keys() == {"fid"} and large.figures["fid"] > 0
    assert "with replacement from 100 test clips" in large.notes[0]


def test_a_column_that_does_not_exist_is_refused():
    row = Row("row", 3, {"fid": 0.5, "is_error": 0.1}, facts={"corpus": "digits"})
    assert (row["name"], row["fid"], row["kid"], row["corpus"], row["is_error"]) == ("row", 0.5, None, "digits", 0.1)
    for typo in ("fdi", "is_err", "Fid"):
        with pytest.raises(KeyError, match=typo):
            row[typo]
    with pytest.raises(KeyError, match="did you mean 'fid'"):
        row["fdi"]


def test_a_changed_copy_has_all_the_rest():
    row = Row("row", 3, {"fid": 0.5}, ["note"], "e", 7, {"corpus": "digits", "seed": 0}, file="scores.json")
    other = row.replaced(name="other", fid=None, kid=0.1, seed=1)
    assert other == Row("other", 3, {"kid": 0.1}, ["note"], "e", 7, {"corpus": "digits", "seed": 1})
    assert other.file == "scores.json" and row["fid"] == 0.5


def test_the_table_of_columns_is_whole():
    assert len(set(COLUMNS)) == len(COLUMNS) and set(SHOWN) <= set(TABLE) and set(FIGURES) <= set(NUMBERS)
    titles = [TABLE[key].title for key in SHOWN]
    assert len(set(titles)) == len(titles) and all(titles)


def test_digits_in_turns_have_smaller_errors_than_clips_at_large(seen, reference):
    """Their numbers do not vary, and classes are far apart here."""
    clips = seen(200, seed=3)
    turns, large = row(clips, reference).figures, row(clips._replace(y=torch.full_like(clips.y, -1)), reference).figures
    assert turns["fid"] == large["fid"] and 2 * turns["fid_error"] < large["fid_error"]


def test_held_out_clips_are_the_null_where_there_are_any(seen, reference):
    """All clips are nearer than a null of far clips, none nearer than one of copies."""
    for null, share in (((1e3, 1e4), 1.0), ((0.0, 0.0), 0.0)):
        assert row(seen(100, seed=3), reference._replace(null=null)).figures["memorised"] == share
