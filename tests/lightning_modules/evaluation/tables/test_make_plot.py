"""`scoretap plot`: what it draws and writes, and how it refuses."""

from pathlib import Path

import pytest

from lightning_modules.evaluation.tables.curves import save_curves, strokes
from lightning_modules.evaluation.tables.sweep import arrange, with_seen_accuracy

GUIDED = {"guidance": "Constant", "model": "Score Subnet", "confidence": 0.8, "diversity": 2.0}


@pytest.fixture
def plot(scoretap, capfd):
    """Runs `scoretap plot` in the working folder; returns exit status and what was printed."""
    from lightning_modules.cli import main

    def call(*args):
        capfd.readouterr()
        status = main(["plot", *map(str, args)])
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def grid(scoretap, run, model, real):
    """Two samplers at two numbers of steps, a reference, and a run that is damaged."""
    for sampler, good in (("Heun", 0.95), ("DDIM(eta=0.0)", 0.5)):
        for nfe in (10, 25):
            cost = {"nfe": nfe, "num_steps": nfe, "gmacs_per_sample": 16.0 * nfe, "sampler": sampler, "accuracy": good}
            run(f"{sampler[:4]}{nfe}", model(f"{sampler}, {nfe}", **GUIDED, **cost), *real)
    run("em", model("em, 100", **GUIDED), *real)
    run("bad", model()).write_text("[")


def test_what_is_written(grid, plot):
    status, out, err = plot("runs", "--x=nfe", "--y=[fid, accuracy]", "--lines=sampler", "--reference=em, 100")
    assert status == 0 and err.count("\n") == 1 and "runs/bad" in err
    assert Path("plot.png").read_bytes().startswith(b"\x89PNG")
    lines = Path("plot.md").read_text().splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert table[0][:4] == ["sampler", "network evaluations", "FID ↓", "accuracy, % ↑"]
    assert [(line[0], line[1], line[-2], line[-1]) for line in table[2:]] == [
        ("Euler–Maruyama", "100", "100.0%", "yes"),
        ("DDIM", "10", "10.1%", "no: accuracy"),
        ("DDIM", "25", "25.3%", "no: accuracy"),
        ("Heun", "10", "10.1%", "yes"),
        ("Heun", "25", "25.3%", "yes"),
    ]
    assert "Cheapest row with the quality of 'em, 100': 'Heun, 10' (10 evaluations, 160 GMACs" in out
    assert out.splitlines()[:2] == ["plot.png", "plot.md"]


def test_where_keeps_rows(grid, plot):
    status, _, err = plot("runs/Heun10", "runs/DDIM10", "runs/em", "--x=nfe", "--where={sampler: [DDIM, Heun]}")
    assert status == 2 and "differ in sampler" in err
    assert plot("runs", "--x=nfe", "--where={sampler: DDIM}", "--output=deep/ddim.svg")[0] == 0
    assert "<svg" in Path("deep/ddim.svg").read_text() and Path("deep/ddim.md").read_text().count("Score Subnet") == 2


def test_what_cannot_be_compared_has_pictures_of_its_own(run, model, plot):
    run("a", model(**GUIDED), model("b", evaluator="b" * 64, **GUIDED))
    status, out, err = plot("runs")
    assert status == 0, err
    assert out.splitlines() == ["plot.png", "plot_2.png", "plot.md"] and Path("plot_2.png").exists()
    assert Path("plot.md").read_text().count("###") == 2


def test_unseen_digits_are_dashed_lines_of_their_own(model, tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    full = {"training_labels": list(range(10)), "training_fraction": 1.0, "accuracy": 0.9}
    zero_shot = {"training_labels": [4], "training_fraction": 1.0, "accuracy_seen": 0.8, "accuracy_unseen": 0.3}
    rows = with_seen_accuracy([model(**GUIDED, **data) for data in (full, zero_shot)])
    sweep = arrange(rows, "guidance_scale", ["data"], ["model"])
    assert strokes(sweep, "accuracy") == [("accuracy_seen", False), ("accuracy_unseen", True)]
    drawn = []
    monkeypatch.setattr(Axes, "plot", lambda self, x, y, **look: drawn.append((x, y, look["linestyle"])))
    save_curves(tmp_path / "a.png", sweep, ["accuracy"], "heading")
    assert drawn == [([3.0], [90.0], "-"), ([3.0], [80.0], "-"), ([3.0], [30.0], "--")]
    alone = arrange(rows[:1], "guidance_scale", [], ["model"])
    assert strokes(alone, "accuracy") == [("accuracy", False)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--y=fdi"], "--y knows no column 'fdi': expected of accuracy, "),
        (["--x=model"], "--x knows no column 'model': expected of "),
        (["--panels=[data, way]"], "--panels knows no column 'way': expected of data, name, "),
        (["--where={way: 3}"], "--where knows no column 'way'"),
        (["--output=plot.jpg"], "ends in .png, .svg or .pdf, got 'plot.jpg'"),
        (["--reference=em, 10"], "names no row 'em, 10': expected one of Score Subnet, γ = 3; "),
        (["--y=scoreq"], "nothing to draw: no row of a model has guidance_scale and one of scoreq"),
        (["--where={model: U-Net}"], "nothing to draw"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(arguments, words, run, model, real, plot):
    run("a", model(**GUIDED), *real)
    status, out, err = plot("runs", *arguments)
    assert status == 2 and not out and words in err.splitlines()[-1] and not list(Path().glob("plot*"))


def test_a_figure_that_no_row_has_is_named(run, model, plot):
    run("a", model(**GUIDED))
    status, _, err = plot("runs", "--y=[scoreq, fid]")
    assert status == 0 and err == "scoretap: left out scoreq: no row has it\n"
