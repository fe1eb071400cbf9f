"""`make bench`: costs of models and commands, as ratios of variants that are measured side by side in one run."""
