"""Vocoders side by side: what each makes of real and of generated Mels, and what it costs."""

from lightning_modules.evaluation.vocoders.comparison import compare_vocoders

__all__ = ["compare_vocoders"]
