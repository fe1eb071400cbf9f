"""The history of a run in ``metrics.csv``, which goes on when the run does."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from lightning_modules.new_files import new_file


class CSVHistory(ExperimentWriter):
    """Writes ``metrics.csv`` after the rows that an earlier part of the run left there.

    Lightning's writer deletes the file. Here rows below ``step`` stay; later ones are of steps that the run repeats.

    Args:
        log_dir: folder of the run.
        step: optimizer steps that the resumed run has behind it.
    """

    def __init__(self, log_dir: str, step: int) -> None:
        super().__init__(log_dir)
        path = Path(self.metrics_file_path)
        with open(path, newline="") as file:
            reader = csv.DictReader(file)
            rows = [row for row in reader if (row.get("step") or "").isdigit() and int(row["step"]) < step]
            self.metrics_keys = list(reader.fieldnames or [])
        with new_file(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, self.metrics_keys, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)

    def _check_log_dir_exists(self) -> None:
        """Delete nothing: Lightning's writer would remove the file here."""


def continue_histories(loggers: Iterable[Any], step: int) -> None:
    """Let CSV loggers of a run that is resumed at ``step`` go on with the file that stands in their folder."""
    for logger in loggers:
        if isinstance(logger, CSVLogger) and Path(logger.log_dir, CSVHistory.NAME_METRICS_FILE).is_file():
            logger._experiment = CSVHistory(logger.log_dir, step)


def save_histories(loggers: Iterable[Any]) -> None:
    """Write what CSV loggers hold, so that a checkpoint is never ahead of the history on disk."""
    for logger in loggers:
        if isinstance(logger, CSVLogger):
            logger.save()
