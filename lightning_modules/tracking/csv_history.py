"""The history of a run in ``metrics.csv``, which goes on when the run does."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from lightning_modules.new_files import new_file


class CSVHistory(ExperimentWriter):
    """Writes ``metrics.csv`` after the rows that an earlier part of the run left there.

    Lightning's writer deletes the file. Here the rows that were there when the checkpoint was written stay; the run
    repeats the steps of later ones.

    Args:
        log_dir: folder of the run.
        step: optimizer steps that the resumed run has behind it.
        rows: rows of the file when the checkpoint was written; None where it does not say: those below ``step`` stay.
    """

    def __init__(self, log_dir: str, step: int, rows: int | None = None) -> None:
        super().__init__(log_dir)
        path = Path(self.metrics_file_path)
        with open(path, newline="") as file:
            reader = csv.DictReader(file)
            kept = list(reader)
            self.metrics_keys = list(reader.fieldnames or [])
        if rows is not None:
            kept = kept[:rows]
        else:
            kept = [row for row in kept if (row.get("step") or "").isdigit() and int(row["step"]) < step]
        with new_file(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, self.metrics_keys, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)

    def _check_log_dir_exists(self) -> None:
        """Delete nothing: Lightning's writer would remove the file here."""


def continue_histories(loggers: Iterable[Any], step: int, rows: int | None = None) -> None:
    """Let loggers of a run that is resumed at ``step`` go on with what stands in their folder.

    Args:
        loggers: of the Trainer, before they have logged.
        step: optimizer steps that the run has behind it.
        rows: rows of ``metrics.csv`` that the checkpoint knows of, if it says so.
    """
    for logger in loggers:
        if isinstance(logger, CSVLogger) and Path(logger.log_dir, CSVHistory.NAME_METRICS_FILE).is_file():
            logger._experiment = CSVHistory(logger.log_dir, step, rows)
        elif isinstance(logger, TensorBoardLogger):
            logger._kwargs["purge_step"] = step  # TensorBoard hides what an earlier part logged from there on


def save_histories(loggers: Iterable[Any]) -> int | None:
    """Write what CSV loggers hold, so that a checkpoint is never ahead of the history on disk.

    Returns:
        Number of rows in the first one's ``metrics.csv``; None without such a logger.
    """
    paths = []
    for logger in loggers:
        if isinstance(logger, CSVLogger):
            logger.save()
            paths.append(Path(logger.log_dir, CSVHistory.NAME_METRICS_FILE))
    if not paths or not paths[0].is_file():
        return 0 if paths else None
    with open(paths[0], newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1
