"""Whole numbers of batches, and fractions of them, as they are typed."""

import pytest
import tiny


@pytest.mark.parametrize(("typed", "batches"), [("1", 1), ("1.0", 5), ("0.4", 2), ("3", 3)])
def test_a_whole_number_counts_batches(typed, batches, configs, tmp_path):
    once = ["--trainer.max_epochs=1", f"--trainer.limit_train_batches={typed}", "--trainer.limit_val_batches=1"]
    tiny.fit(configs, "classifier", tmp_path, *once)
    assert len(tiny.logged(tmp_path, "train/loss")) == batches
