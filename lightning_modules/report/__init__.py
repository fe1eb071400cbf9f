"""`scoretap report`: a folder with one page on which samples of many runs are heard side by side."""

from lightning_modules.report.command import make_report, report_command

__all__ = ["make_report", "report_command"]
