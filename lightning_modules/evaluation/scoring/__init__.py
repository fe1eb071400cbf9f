"""Scores generated speech with a separately trained evaluator."""

from lightning_modules.evaluation.scoring.folder_scores import score_folders
from lightning_modules.evaluation.scoring.folders import folder_batches, list_speech
from lightning_modules.evaluation.scoring.output import format_scores, format_table, write_scores
from lightning_modules.evaluation.scoring.predictions import score_clips, split_batches
from lightning_modules.evaluation.scoring.references import Reference, load_reference
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.scoring.scorer import Scorer
from lightning_modules.loading import load_evaluator

__all__ = [
    "Reference", "Row", "Scorer", "folder_batches", "format_scores", "format_table", "list_speech",
    "load_evaluator", "load_reference", "score_clips", "score_folders", "split_batches", "write_scores",
]  # fmt: skip

Scores, judge = Row, score_clips  # former names
