"""Base classes that the five LightningModules share."""
