"""Many runs in Weights & Biases: named so that they group themselves, with or without account and network."""

from lightning_modules.tracking.wandb_tracker import WandbTracker

__all__ = ["WandbTracker"]
