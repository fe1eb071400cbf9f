"""Only comparable rows share a table; real speech stands there once, and seeds of training are averaged."""

import random
from dataclasses import replace

import pytest

from lightning_modules.evaluation.tables.groups import group_rows


def rows(*scores, file="scores.json"):
    return [replace(each, file=file) for each in scores]


def names(group):
    return [row["name"] for row in group.rows]


@pytest.mark.parametrize(
    "other", [{"evaluator": "b" * 64}, {"corpus": "others"}, {"labels": [3]}, {"reference_count": 20}]
)
def test_what_is_not_comparable_is_apart(model, other):
    groups = group_rows(rows(model("ours"), model("theirs", **other)))
    assert sorted(map(names, groups)) == [["ours"], ["theirs"]]


def test_order_does_not_depend_on_files(scores, model, real):
    given = [
        *real,
        scores("real test through HiFiGAN", "anchor", vocoder="HiFiGAN ab"),
        scores("floor, N = 400", "floor", 400),
        scores("a folder", "folder"),
        model("a", guidance_scale=3.0),
        model("b", guidance_scale=0.0),
        model("c", guidance_scale=0.0),
    ]
    expected = ["real train", "real test", "real test through HiFiGAN", "real test through Griffin-Lim"]
    expected += ["floor, N = 400", "floor, N = 2048", "a folder", "b", "c", "a"]
    for seed in range(5):
        shuffled = random.Random(seed).sample(given, len(given))
        assert names(group_rows(rows(*shuffled))[0]) == expected


def test_real_speech_stands_once(model, real):
    (group,) = group_rows(rows(model("a"), *real) + rows(model("b"), *real, file="other.json"))
    assert names(group) == [*(row.name for row in real), "a", "b"] and not group.remarks


def test_real_speech_that_differs_is_told(scores):
    same, far = (scores("real test", "anchor", fid=fid) for fid in (0.1005, 0.5))
    given = rows(scores("real test", "anchor", fid=0.1), file="first.json")
    (group,) = group_rows(given + rows(same, file="second.json") + rows(far, file="third.json"))
    assert [row["fid"] for row in group.rows] == [0.1]
    (remark,) = [remark for remark in group.remarks if "first.json" in remark]
    assert "third.json" in remark


def test_one_row_in_two_files_is_one_row(model):
    assert len(group_rows(rows(model()) + rows(model(), file="copy.json"))[0].rows) == 1


@pytest.mark.parametrize(
    ("through", "vocoder", "absent"),
    [
        (["Griffin-Lim"], "GriffinLim() ab", []),
        (["Griffin-Lim"], "HiFiGAN ab", ["the vocoder"]),
        (["HiFiGAN"], "HiFiGAN ab", ["Griffin-Lim"]),
        (["HiFiGAN", "Griffin-Lim"], "HiFiGAN ab", []),
        ([], "HiFiGAN ab", ["the vocoder", "Griffin-Lim"]),
    ],
)
def test_absent_vocoders_are_named(through, vocoder, absent, scores, model, real):
    given = [*real[:2], *(scores(f"real test through {name}", "anchor") for name in through), model(vocoder=vocoder)]
    remarks = group_rows(rows(*given))[0].remarks
    assert len(remarks) == bool(absent)
    for name in ("the vocoder", "Griffin-Lim"):
        assert any(f"through {name}" in remark for remark in remarks) == (name in absent)


def test_absent_real_speech_is_named(model):
    (remark,) = group_rows(rows(model()))[0].remarks
    assert "real train, real test," in remark


def test_seeds_of_training_are_averaged(model):
    figures = [("c1", 1.0, 0.90), ("c2", 2.0, 0.92), ("c2", 4.0, 0.92), ("c3", 5.0, 0.94)]
    seeds = [model(checkpoint=name, fid=fid, accuracy=accuracy) for name, fid, accuracy in figures]
    (group,) = group_rows(rows(*seeds, model("another"), model("zero", checkpoint="d")))
    assert names(group) == [*[seeds[0].name] * 4, "mean of 3, ± standard deviation", "another", "zero"]
    mean = group.rows[4]
    assert (mean["fid"], mean["fid_error"]) == pytest.approx((3.0, 2.0))  # of 1, 3 and 5: c2 was judged twice
    assert (mean["accuracy"], mean["accuracy_error"]) == pytest.approx((0.92, 0.02))
    assert mean["kid"] == pytest.approx(0.01) and mean["mis"] is None and mean["count"] == 2048


@pytest.mark.parametrize(
    "change", [{"guidance_scale": 2.0}, {"num_steps": 15}, {"sampler": "DDIM()"}, {"count": 400}, {"checkpoint": "c"}]
)
def test_other_settings_are_not_seeds(model, change):
    second = model(**{"checkpoint": "c2", "fid": 0.6, **change})
    (group,) = group_rows(rows(model(), second))
    assert len(group.rows) == 2 and not any(name.startswith("mean") for name in names(group))


def test_models_of_one_name_are_told_apart(model):
    (group,) = group_rows(rows(model("a"), model("a", num_steps=15), model("b")))
    assert names(group) == ["a, EulerMaruyama, 15 steps", "a, EulerMaruyama, 100 steps", "b"]


def test_accuracy_of_the_evaluator_is_that_on_real_test_speech(scores):
    given = rows(scores("real test", "anchor", evaluator_accuracy=None, accuracy=0.9))
    assert group_rows(given)[0].evaluator_accuracy == 0.9


def test_samples_judged_again_are_shown_once_by_the_row_that_says_most(model):
    old = replace(model(seed=0), file="old")
    new = replace(model(seed=0, confidence_low=0.5, training_labels=[3], training_fraction=1.0, fid=0.5001), file="new")
    for rows in ([old, new], [new, old]):
        (group,) = group_rows(rows)
        assert [(row["name"], row.file) for row in group.rows] == [(old["name"], "new")]
    for other in (model(seed=1), model(seed=0, fid=0.6), model(seed=0, checkpoint="d"), model(seed=0, guidance="Mine")):
        (group,) = group_rows([old, replace(other, file="other")])
        assert [row.file for row in group.rows if row.file] == ["old", "other"]


def test_models_of_one_name_that_learned_from_other_data_are_told_apart(model):
    data = [{}, {"training_labels": [4], "training_fraction": 1.0}]
    rows = [replace(model(checkpoint=str(i), **each), file="f") for i, each in enumerate(data)]
    assert {row["name"] for row in group_rows(rows)[0].rows} == {"Score Subnet, γ = 3"}
    rows.append(model(checkpoint="all", training_labels=list(range(10)), training_fraction=0.03))
    names = {row["name"].removeprefix("Score Subnet, γ = 3, ") for row in group_rows(rows)[0].rows}
    assert names == {"not stated", "digit 4", "3 % of the data"}
