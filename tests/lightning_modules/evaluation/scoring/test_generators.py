"""Accuracy over digits that a generator saw and over those that it did not."""

import torch

from lightning_modules.evaluation.scoring.generators import zero_shot_figures
from lightning_modules.evaluation.scoring.row_facts import origin_facts
from lightning_modules.metrics import wilson_interval

CONFUSION = (torch.eye(10, dtype=torch.long) * 6 + 1).tolist()  # 7 of 16 right for each digit


def test_groups_are_counted_apart():
    table = [row[:] for row in CONFUSION]
    table[4] = [0] * 4 + [16] + [0] * 5
    figures = zero_shot_figures(table, [4])
    assert figures["accuracy_seen"] == 1.0 and figures["accuracy_unseen"] == 7 / 16
    expected = wilson_interval(63, 144)
    assert (figures["accuracy_unseen_low"], figures["accuracy_unseen_high"]) == (expected.low, expected.high)


def test_only_unseen_digits_were_asked_for():
    table = [[0] * 10 for _ in range(10)]
    table[3][3] = 5
    assert set(zero_shot_figures(table, [4])) == {f"accuracy_unseen{end}" for end in ("", "_low", "_high")}


def test_nothing_to_tell_apart():
    assert zero_shot_figures(CONFUSION, list(range(10))) == {} == zero_shot_figures(CONFUSION, None)
    assert zero_shot_figures(None, [4]) == {}
    table = [row if digit == 4 else [0] * 10 for digit, row in enumerate(CONFUSION)]
    assert zero_shot_figures(table, [4]) == {}


def test_training_data_of_a_checkpoint():
    stored = {"_class_path": "datamodules.SC09", "labels": None, "fraction": 0.03}
    found = origin_facts({"datamodule_hyper_parameters": stored})
    assert found["training_labels"] == list(range(10)) and found["training_fraction"] == 0.03
    found = origin_facts({"datamodule_hyper_parameters": {**stored, "labels": [7, 3]}})
    assert found["training_labels"] == [3, 7]
    for checkpoint in ({}, {"datamodule_hyper_parameters": {"_class_path": "mine.Data"}}):
        found = origin_facts(checkpoint)
        assert found["training_labels"] is None and found["training_fraction"] is None
