"""`scoretap table` and `scoretap plot` show rows of many runs side by side, as Markdown, CSV and pictures."""

from lightning_modules.evaluation.tables.run_table import make_table
from lightning_modules.evaluation.tables.sweep_command import make_plot

__all__ = ["make_plot", "make_table"]
