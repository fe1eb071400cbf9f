"""Files of rows as `scoretap test` writes them."""

import json

import pytest

from lightning_modules.evaluation.scoring.columns import DESCRIPTION, TABLE
from lightning_modules.evaluation.scoring.descriptions import parse_description
from lightning_modules.evaluation.scoring.output import write_scores
from lightning_modules.evaluation.scoring.rows import Row

CORPUS = {"corpus": "digits", "labels": [3, 5], "evaluator_accuracy": 0.973}


@pytest.fixture
def scores():
    """Makes a row: figures and facts by name; anchors, floors and models alike."""

    def make(name, kind="model", count=2048, evaluator="a" * 64, reference_count=1800, **values):
        values = {**CORPUS, "kind": kind, "evaluator": evaluator, "reference_count": reference_count, **values}
        texts = {column for column, value in values.items() if isinstance(value, str)}
        described = {column for column in texts if TABLE[column].value == DESCRIPTION}
        values |= {column: parse_description(values[column]) for column in described}
        return Row.from_values({"name": name, "count": count, **values})

    return make


@pytest.fixture
def model(scores):
    """Makes a model's row with a cost, an FID and a checkpoint."""

    def make(name="Score Subnet, γ = 3", checkpoint="c", **values):
        given = {"gmacs_per_step": 15.79, "nfe": 100, "gmacs_per_sample": 1579.0, "guidance_scale": 3.0}
        given |= {"fid": 0.5, "fid_error": 0.05, "kid": 0.01, "is": 8.0, "accuracy": 0.95, "guide_accuracy": 0.99}
        given |= {"sampler": "EulerMaruyama()", "num_steps": 100, "vocoder": "GriffinLim() ab"}
        return scores(name, "model", checkpoint=checkpoint, **{**given, **values})

    return make


@pytest.fixture
def real(scores):
    """Anchors and floor, as every run writes them."""
    return [
        scores("real train", "anchor", 18000),
        scores("real test", "anchor", 2500, fid=0.1, kid=0.001, accuracy=0.973),
        scores("real test through Griffin-Lim", "anchor", 2500, fid=0.2, vocoder="GriffinLim() ab"),
        scores("floor, N = 2048", "floor", 2048, fid=0.11),
    ]


@pytest.fixture
def run(tmp_path):
    """Writes the rows of a run below ``runs`` in the working folder; returns the file."""

    def write(name, *rows):
        file = tmp_path / "work" / "runs" / name / "test" / "scores.json"
        write_scores(file, rows)
        return file

    return write


@pytest.fixture
def edited():
    """Rewrites a file of rows after a change to its first row."""

    def edit(file, **changes):
        table = json.loads(file.read_text())
        table[0].update(changes)
        file.write_text(json.dumps(table))

    return edit
