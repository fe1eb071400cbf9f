"""Judging generated speech with a separately trained evaluator: `scoretap score`, and what the demo takes of it."""

from lightning_modules.scoring.command import score_command, score_folders
from lightning_modules.scoring.folders import folder_batches, list_speech
from lightning_modules.scoring.judging import judge, load_evaluator, split_batches
from lightning_modules.scoring.output import format_scores, format_table, write_scores
from lightning_modules.scoring.references import Reference, load_reference
from lightning_modules.scoring.rows import Scores

__all__ = [
    "Reference",
    "Scores",
    "folder_batches",
    "format_scores",
    "format_table",
    "judge",
    "list_speech",
    "load_evaluator",
    "load_reference",
    "score_command",
    "score_folders",
    "split_batches",
    "write_scores",
]
