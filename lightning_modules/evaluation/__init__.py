"""Measuring generated speech: scores, tables, plots, the listening page and the comparison of vocoders."""
