"""`make bench`: what things cost, as ratios of variants that were measured side by side in one run."""
