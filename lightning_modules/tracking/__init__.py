"""Logging of runs: Weights & Biases with or without a network, names of runs, pictures and sounds."""

from lightning_modules.tracking.wandb_tracker import WandbTracker

__all__ = ["WandbTracker"]
