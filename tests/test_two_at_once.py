"""Two commands that write to one place: the second is told of the first, and what the first has there stays."""

import os
import subprocess
import sys
from pathlib import Path

import holders
import pytest
import tiny

from lightning_modules.checkpoints.catalogue import FOLDER
from lightning_modules.cli import main
from lightning_modules.evaluation.scoring import Row, write_scores

DRAW = ["--sampling.num_steps=2", "--vocoder=GriffinLim", "--trainer.enable_progress_bar=false"]
PLACES = {
    "predict": ("samples", ["--data=SampleRequests", "--data.init_args.labels=[1,2]", *DRAW]),
    "test": ("drawn", ["--scoring.folder=drawn", *DRAW]),
    "score": ("scores.csv", []),
    "report": ("report", []),
    "table": ("table", []),
    "plot": ("plot.png", []),
    "export": ("pretrained/mine.safetensors", ["--name=mine", "--card=facts.json", "--output=pretrained"]),
    "demo": ("runs/demo", []),
    "listen": ("runs/listen", []),
}


@pytest.fixture
def given(score_subnet, classifier, evaluator, digits_root, tmp_path, monkeypatch):
    """What each command reads, in the working folder; returns its arguments."""
    monkeypatch.chdir(tmp_path)
    runs = Path("given/runs")
    predict = ["predict", "--ckpt_path", str(score_subnet), *PLACES["predict"][1]]
    runs.mkdir(parents=True)
    row = Row("mine", 4, {"fid": 1.0, "accuracy": 0.5}, facts={"kind": "model", "guidance_scale": 3.0})
    write_scores(runs / "scores.json", [row])
    Path("facts.json").write_bytes((FOLDER / "english-digits-evaluator.json").read_bytes())
    return {
        "predict": predict,
        "test": ["test", "--ckpt_path", str(score_subnet), f"--scoring.evaluator={evaluator}", *PLACES["test"][1]],
        "score": ["score", str(digits_root), "--evaluator", str(evaluator)],
        "report": ["report", "given/samples"],
        "table": ["table", str(runs)],
        "plot": ["plot", str(runs)],
        "export": ["export", str(classifier), *PLACES["export"][1]],
        "demo": ["demo"],
        "listen": ["listen"],
    }


@pytest.mark.parametrize("command", PLACES)
def test_the_second_command_is_refused_before_it_writes(command, given, capfd):
    place = Path(PLACES[command][0])
    with holders.held(place) as first:
        before = sorted(path for path in Path.cwd().rglob("*") if path.is_file())
        assert main(given[command]) == 2
        err = capfd.readouterr().err.splitlines()[-1]
        assert f"is being written by process {first.pid} on " in err and "(scoretap fit --config mine), since" in err
        assert sorted(path for path in Path.cwd().rglob("*") if path.is_file()) == before


def scoretap(command, folder):
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    return subprocess.Popen(
        [sys.executable, "-m", "lightning_modules.cli", *command],
        env={**os.environ, "PYTHONPATH": path},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_fits_of_one_name_that_start_at_once(configs, tmp_path):
    long = ["--trainer.max_epochs=-1", "--trainer.max_time=00:00:00:02", "--resume=never"]
    command = tiny.fit_arguments(configs, "classifier", tmp_path, *long)
    command.remove("--trainer.logger.init_args.version=")
    both = [scoretap(command, tmp_path) for _ in range(2)]
    errors = [process.communicate(timeout=200)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    for name in ("config.yaml", "metrics.csv", "checkpoints/last.ckpt"):
        found = [path.relative_to(tmp_path / "run").parts[0] for path in tmp_path.glob(f"run/*/{name}")]
        assert sorted(found) == ["version_0", "version_1"], name
    assert not list(tmp_path.rglob(".*")), "no lock stays"
