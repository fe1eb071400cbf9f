"""`scoretap table` and `scoretap plot`: rows of many runs side by side, as Markdown, CSV and pictures."""

from lightning_modules.tables.command import make_table, table_command
from lightning_modules.tables.sweep_command import make_plot, plot_command

__all__ = ["make_plot", "make_table", "plot_command", "table_command"]
