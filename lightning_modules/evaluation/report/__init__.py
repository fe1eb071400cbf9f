"""`scoretap report`: a folder with one page on which samples of many runs are heard side by side."""

from lightning_modules.evaluation.report.listening_page import make_report

__all__ = ["make_report"]
