"""`scoretap report` writes a page on which samples of many runs can be heard side by side."""

from lightning_modules.evaluation.report.listening_page import make_report

__all__ = ["make_report"]
