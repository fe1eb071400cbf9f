"""Judging generated speech with a separately trained evaluator: `scoretap score`, and what the demo takes of it."""

from lightning_modules.evaluation.scoring.command import score_folders
from lightning_modules.evaluation.scoring.folders import folder_batches, list_speech
from lightning_modules.evaluation.scoring.judging import judge, split_batches
from lightning_modules.evaluation.scoring.output import format_scores, format_table, write_scores
from lightning_modules.evaluation.scoring.references import Reference, load_reference
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.loading import load_evaluator

Scores = Row  # the former name

__all__ = [
    "Reference",
    "Row",
    "Scores",
    "folder_batches",
    "format_scores",
    "format_table",
    "judge",
    "list_speech",
    "load_evaluator",
    "load_reference",
    "score_folders",
    "split_batches",
    "write_scores",
]
