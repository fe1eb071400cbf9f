"""Classes and settings of a row survive text and JSON, and rows of earlier versions are read."""

import json
from pathlib import Path

import pytest

from lightning_modules.audio import GriffinLim
from lightning_modules.diffusion.guidance_schedules import Constant, Interval, NormMatched
from lightning_modules.diffusion.samplers import (
    DDIM,
    DPMSolverPP,
    EulerMaruyama,
    Heun,
    Karras,
    NoiseLevels,
    PredictorCorrector,
)
from lightning_modules.evaluation.scoring.columns import COLUMNS
from lightning_modules.evaluation.scoring.descriptions import (
    Description,
    describe,
    parse_description,
    read_description,
)
from lightning_modules.evaluation.scoring.output import write_scores
from lightning_modules.evaluation.scoring.row_facts import _describe_schedule
from lightning_modules.evaluation.tables.row_files import read_rows

EARLIER = Path(__file__).with_name("scores_of_40f2fb6.json")
TEXTS = {
    "DDIM(eta=1.0)": {"class": "DDIM", "settings": {"eta": 1.0}},
    "EulerMaruyama": {"class": "EulerMaruyama", "settings": {}},
    "NeuralVocoder db26ce528acc": {"class": "NeuralVocoder", "settings": {}, "detail": "db26ce528acc"},
    "GriffinLim(momentum=0.99, num_iterations=32) 0123": {
        "class": "GriffinLim",
        "settings": {"momentum": 0.99, "num_iterations": 32},
        "detail": "0123",
    },
    "Interval(low=1.0, high=inf, inside=NormMatched(share=0.02)) at denoised": {
        "class": "Interval",
        "settings": {"low": 1.0, "high": "inf", "inside": {"class": "NormMatched", "settings": {"share": 0.02}}},
        "detail": "at denoised",
    },
    "Constant classifier-free": {"class": "Constant", "settings": {}, "detail": "classifier-free"},
    "NoiseLevels(levels=(152.0,))": {"class": "NoiseLevels", "settings": {"levels": [152.0]}},
    "Mine(a=-1, b=None, c=True, d='x')": {"class": "Mine", "settings": {"a": -1, "b": None, "c": True, "d": "x"}},
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_and_json_hold_the_same(text):
    description = parse_description(text)
    stored = json.loads(json.dumps(description.stored(), default=Description.stored, allow_nan=False))
    assert str(description) == text and stored == TEXTS[text]
    assert read_description(stored) == read_description(text) == description


@pytest.mark.parametrize("text", ["", "(", "Mine(a='x) y')", "what is this?", "a.b(c=1)", "f(x)", "3", "x(y=[)"])
def test_other_text_is_kept_as_it_is(text):
    assert str(parse_description(text)) == text


@pytest.mark.parametrize(
    "thing", [DDIM(eta=0.5), DPMSolverPP(), EulerMaruyama(), Heun(), Karras(), NoiseLevels(), PredictorCorrector()]
)
def test_what_draws_samples_is_described(thing):
    description = describe(thing)
    assert description.name == type(thing).__name__ and parse_description(str(description)) == description


def test_a_vocoder_and_schedules_are_described():
    vocoder = describe(GriffinLim(num_iterations=8), "ab")
    assert vocoder.name == "GriffinLim" and dict(vocoder.settings)["num_iterations"] == 8 and vocoder.detail == "ab"
    for schedule in (Constant(), NormMatched(0.1), Interval(0.2, float("inf"), NormMatched(0.1))):
        assert str(_describe_schedule(schedule)) == str(schedule)
        assert parse_description(str(schedule)) == _describe_schedule(schedule)


def test_a_file_of_an_earlier_version_is_read(tmp_path):
    rows = read_rows(EARLIER)
    model, *real = rows
    assert model["sampler"] == Description("DPMSolverPP", (("correction", 0.9), ("stochastic", True)))
    assert model["time_grid"].settings == (("rho", 7.0),) and model["vocoder"].detail == "db26ce528acc"
    assert dict(model["guidance"].settings)["inside"] == Description("Constant")
    assert [row["kind"] for row in real] == ["anchor"] * 4 + ["floor"]
    write_scores(tmp_path / "scores.json", rows)
    again = read_rows(tmp_path / "scores.json")
    assert again == rows and [row.cells() for row in again] == [row.cells() for row in rows]
    earlier = json.loads(EARLIER.read_text())[0]
    assert list(earlier) == [name for name in (*COLUMNS, "confusion") if name in earlier], "columns may be added only"
    assert model.cells() == {name: earlier.get(name) for name in COLUMNS}
    assert json.loads((tmp_path / "scores.json").read_text())[0]["sampler"] == {
        "class": "DPMSolverPP",
        "settings": {"correction": 0.9, "stochastic": True},
    }
