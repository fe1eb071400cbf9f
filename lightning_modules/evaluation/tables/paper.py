"""Quotes the rows of the paper; another evaluator scored them, so they never share a table with ours.

Source: R. Makarov, T. Gerkmann, *Repurposing a Speech Classifier for Guided Diffusion-Based Speech Generation*,
Interspeech 2026, arXiv:2606.20457, Table 1. Digits as printed there; empty where it has none.
"""

SOURCE = "Makarov & Gerkmann 2026 (arXiv:2606.20457, Table 1)"
STEPS = 100  # reverse Euler-Maruyama steps of the paper
_UNTAPPED = "Score Subnet without gradient taps"
# Parameters in millions, GMACs of one step of a 1 s clip, scores.
_PRINTED = (
    ("DiffWave", "24.2", "", "2.85", "2.59", "1.92", "5.26", "51.21", "0.68"),
    ("SaShiMi", "23.0", "", "2.79", "1.84", "1.42", "5.94", "69.17", "0.59"),
    ("EDMSound", "45.2", "", "", "", "0.14", "7.17", "160.2", "0.33"),
    ("U-Net", "16.6 [16.6]", "14.56", "3.06", "0.74", "0.17", "7.51", "168.98", "0.30"),
    ("Score Subnet", "12.3 [4.4]", "12.07", "3.10", "0.84", "0.17", "7.82", "195.65", "0.26"),
    (_UNTAPPED, "11.9 [4.0]", "7.71", "3.04", "0.90", "0.28", "7.02", "126.95", "0.37"),
    ("U-Net + classifier, γ = 3", "24.5 [16.6]", "22.74", "3.25", "0.82", "0.03", "8.36", "260.50", "0.19"),
    ("Score Subnet, γ = 3", "12.3 [4.4]", "16.44", "3.26", "1.02", "0.03", "8.65", "287.19", "0.15"),
    (f"{_UNTAPPED}, γ = 3", "11.9 [4.0]", "11.50", "3.23", "0.94", "0.02", "8.05", "223.98", "0.22"),
)  # fmt: skip
_KEYS = ("name", "parameters_million", "gmacs_per_step", "scoreq", "fad", "fid", "is", "mis", "am")
QUOTED = tuple(dict(zip(_KEYS, row, strict=True)) for row in _PRINTED)  # by the keys of our columns


def gmacs_per_sample(row: dict[str, str]) -> float | None:
    """Compute GMACs of a sample, :data:`STEPS` steps, which are not in the paper; None where it states none."""
    return float(row["gmacs_per_step"]) * STEPS if row["gmacs_per_step"] else None
