"""`scoretap table`: rows of many runs side by side, as Markdown, CSV and a plot."""

from lightning_modules.tables.command import make_table, table_command

__all__ = ["make_table", "table_command"]
