"""Everything that a run leaves behind lies in one folder of its own, whatever its logger."""

import pytest
import tiny
import yaml
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.logger import DummyLogger, Logger

from callbacks.run_folder import run_folder


class PlainLogger(Logger):
    """Has no ``log_dir``, as the loggers of tracking services."""

    def __init__(self, save_dir: str | None = None, name: str = "project", version: str = "") -> None:
        super().__init__()
        self._save_dir, self._name, self._version = save_dir, name, version or "id7"

    @property
    def save_dir(self):
        return self._save_dir

    @property
    def name(self):
        return self._name

    @property
    def version(self):
        return self._version

    def log_metrics(self, metrics, step=None): ...

    def log_hyperparams(self, params, *args, **kwargs): ...


class SpoilEnd(Callback):
    """Spoils the first batch after the first epoch."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.current_epoch == 1:
            batch.x_0[0] = float("nan")


@pytest.mark.parametrize(
    ("logger", "expected"),
    [
        (lambda folder: CSVLogger(folder, "run", 3), "run/version_3"),
        (lambda folder: PlainLogger(str(folder)), "project/id7"),
        (lambda folder: PlainLogger(None), "root/project/id7"),
        (lambda folder: DummyLogger(), "root"),
        (lambda folder: False, "root"),
    ],
)
def test_folder_of_each_logger(logger, expected, tmp_path):
    trainer = Trainer(accelerator="cpu", logger=logger(tmp_path), default_root_dir=tmp_path / "root")
    assert run_folder(trainer) == tmp_path / expected


def test_a_logger_without_log_dir_gets_a_folder_per_run(configs, classifier, scoretap, tmp_path):
    draw = {"class_path": "callbacks.GuidedSampling", "init_args": {"every_n_epochs": 1, "labels": [3], "num_steps": 8}}
    (tmp_path / "draw.yaml").write_text(yaml.safe_dump({"trainer": {"callbacks+": [draw]}}))
    arguments = tiny.fit_arguments(configs, "score_subnet", tmp_path / "runs")
    arguments += ["--config", str(tmp_path / "draw.yaml"), f"--model.init_args.classifier={classifier}"]
    arguments += ["--trainer.logger=test_run_folder.PlainLogger", "--trainer.callbacks+=test_run_folder.SpoilEnd"]
    status, err = scoretap(*arguments)
    folder = tmp_path / "runs" / "run" / "id7"
    assert status == 1 and str(folder / "last_good.ckpt") in err
    assert {path.name for path in folder.iterdir()} == {"checkpoints", "config.yaml", "last_good.ckpt", "samples"}
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["run"], "nothing is shared with other runs"
    assert list((folder / "samples" / "epoch=0").glob("*/3.wav"))
