"""Which rows become which points, under which names and in which order; and what is refused."""

from dataclasses import replace

import pytest

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.descriptions import parse_description
from lightning_modules.evaluation.tables.axes import labels
from lightning_modules.evaluation.tables.sweep import arrange, interval, with_seen_accuracy

ALL, SOME, ONE = list(range(10)), [3, 5, 7], [4]


@pytest.fixture
def row(model):
    """Makes a row as it is read from a file."""

    def make(name="Score Subnet", **values):
        given = {"training_labels": ALL, "training_fraction": 1.0, "model": name, "guidance": "Constant"}
        return replace(model(name, **{**given, **values}), file="file.json")

    return make


def test_panels_lines_and_points_are_in_order(row):
    data = [(ONE, 1.0), (ALL, 0.03), (SOME, 1.0), (ALL, 1.0)]
    rows = [
        row(name, guidance_scale=scale, training_labels=digits, training_fraction=fraction, fid=scale + len(digits))
        for digits, fraction in data
        for name in ("U-Net", "Score Subnet")
        for scale in (5.0, 0.0, 0.5)
    ]
    sweep = arrange(rows, "guidance_scale", ["data"], ["model"])
    assert sweep.panels == ["all data", "3 % of the data", "digits 3, 5, 7", "digit 4"]
    assert sweep.lines == ["Score Subnet", "U-Net"]
    assert [(p.x, p.y) for p in sweep.points("digits 3, 5, 7", "U-Net", "fid")] == [(0.0, 3.0), (0.5, 3.5), (5.0, 8.0)]
    assert [(mark.panel, mark.line, mark.x) for mark in sweep.marks] == [
        (panel, line, x) for panel in sweep.panels for line in sweep.lines for x in (0.0, 0.5, 5.0)
    ]


def test_a_line_begins_where_there_is_a_figure(row):
    rows = [row(guidance_scale=0.0, accuracy=None, guidance=None), row(guidance_scale=1.0, accuracy=0.5)]
    sweep = arrange(rows, "guidance_scale", [], ["model"])
    assert sweep.panels == [""] and len(sweep.points("", "Score Subnet", "fid")) == 2
    assert [p.x for p in sweep.points("", "Score Subnet", "accuracy")] == [1.0]


def test_names_come_from_facts():
    samplers = {
        "EulerMaruyama": "Euler–Maruyama",
        "DDIM(eta=0.0)": "DDIM",
        "DDIM(eta=0.5)": "DDIM, η = 0.5",
        "DPMSolverPP(stochastic=True)": "SDE-DPM-Solver++(2M)",
        "DPMSolverPP(correction=1.0, stochastic=False)": "DPM-Solver++(2M)",
        "DPMSolverPP(correction=0.8, stochastic=True)": "SDE-DPM-Solver++(2M), correction 0.8",
        "Mine(order=3)": "Mine(order=3)",
    }
    described = {parse_description(text): name for text, name in samplers.items()}
    assert labels("sampler", described) == described
    guidance = ["Constant", "NormMatched(share=0.02)", "Constant classifier-free", "Constant at denoised", None]
    names = ["constant", "adaptive", "constant, classifier-free", "constant, at denoised", "unguided"]
    assert list(labels("guidance", [text and parse_description(text) for text in guidance]).values()) == names
    assert labels("data", [((4,), 0.1)])[((4,), 0.1)] == "10 % of digit 4"
    assert labels("data", [None])[None] == "trained on not stated"


def test_names_that_would_be_alike_are_written_out():
    narrow, wide = (parse_description(f"Interval(low=1.0, high={high}, inside=Constant)") for high in (3.0, 30.0))
    assert labels("guidance", [narrow])[narrow] == "interval"
    assert labels("guidance", [narrow, wide]) == {narrow: str(narrow), wide: str(wide)}


def test_rows_that_differ_in_a_setting_are_no_point(row):
    rows = [row(sampler="Heun"), row(sampler="DDIM(eta=0.0)")]
    with pytest.raises(InputError, match=r"2 rows at guidance_scale = 3 .* differ in sampler .*add sampler to --lines"):
        arrange(rows, "guidance_scale", [], ["model"])
    assert arrange(rows, "guidance_scale", [], ["model", "sampler"]).lines == [
        "Score Subnet, DDIM",
        "Score Subnet, Heun",
    ]


def test_runs_that_differ_by_seed_are_their_mean(row):
    rows = [row(checkpoint=str(i), accuracy=value, fid=fid) for i, (value, fid) in enumerate([(0.8, 0.5), (0.9, None)])]
    (mark,) = arrange(rows, "guidance_scale", [], ["model"]).marks
    assert mark.runs == 2 and mark.row["accuracy"] == pytest.approx(0.85) and mark.row["fid"] is None
    reach = 0.05 * 2**0.5  # the standard deviation of two values with N - 1
    assert interval(mark.row, "accuracy") == pytest.approx((0.85 - reach, 0.85 + reach))


def test_a_row_without_x_is_named_and_left_out(row, capsys):
    sweep = arrange([row("lost", nfe=None), row()], "nfe", [], ["model"])
    assert (
        sweep.lines == ["Score Subnet"] and capsys.readouterr().err == "scoretap: left out 'lost' (file.json): no nfe\n"
    )


def test_intervals(row):
    given = row(accuracy_low=0.9, accuracy_high=0.99, kid=0.01, kid_error=0.001)
    assert interval(given, "accuracy") == (0.9, 0.99) and interval(given, "is") == (8.0, 8.0)
    assert interval(given, "kid") == pytest.approx((0.01 - 0.00196, 0.01 + 0.00196), rel=1e-4)


def test_who_saw_every_digit_has_an_accuracy_over_seen_ones(row):
    zero_shot = row(training_labels=SOME, accuracy_seen=0.9, accuracy_unseen=0.2)
    full, unknown = row(accuracy=0.95), row(training_labels=None)
    assert with_seen_accuracy([full])[0]["accuracy_seen"] is None
    assert [each["accuracy_seen"] for each in with_seen_accuracy([full, zero_shot, unknown])] == [0.95, 0.9, None]
