"""Vocoders side by side: what each makes of real and of generated Mels, and what it costs."""

from lightning_modules.vocoder_comparison.command import compare_vocoders, vocoders_command

__all__ = ["compare_vocoders", "vocoders_command"]
