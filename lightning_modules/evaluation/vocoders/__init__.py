"""Compares vocoders: how well they synthesise real and generated Mels, and what they cost."""

from lightning_modules.evaluation.vocoders.comparison import compare_vocoders

__all__ = ["compare_vocoders"]
