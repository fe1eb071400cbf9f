"""Cells of a row in the Markdown table, and the marks that it carries."""

from collections.abc import Callable

from lightning_modules.evaluation.scoring.distances import FEW_CLIPS
from lightning_modules.evaluation.scoring.rows import LARGEST_GAP
from lightning_modules.evaluation.tables.collect import Row

MISSING = "–"
FOOTNOTES = {
    "†": f"fewer than {FEW_CLIPS:,} clips: FID is exploratory, read KID and the floor at the same N.",
    "‡": f"accuracy by the guide is more than {100 * LARGEST_GAP:.0f} points above the evaluator's: the guide hears "
    "digits which the evaluator does not, adversarial patterns.",
}


def marks(row: Row) -> str:
    """Signs of :data:`FOOTNOTES` that a row carries."""
    few = "†" if row["count"] < FEW_CLIPS else ""
    heard, by_guide = row["accuracy"], row["guide_accuracy"]
    fooled = heard is not None and by_guide is not None and by_guide - heard > LARGEST_GAP
    return few + ("‡" if fooled else "")


def marked_name(row: Row) -> str:
    """Name of a row and its marks."""
    return f"{row['name']} {marks(row)}".strip()


def rounded(value: object) -> str:
    """Four digits below a hundred, whole numbers above."""
    if value is None:
        return ""
    number = float(str(value))
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.4g}"


def _parameters(row: Row) -> str:
    total, trained = row["parameters_million"], row["trained_million"]
    if total is None:
        return ""
    return f"{total:.2f}" + ("" if trained is None else f" [{trained:.2f}]")


def _cost(name: str) -> Callable[[Row], str]:
    return lambda row: rounded(row[name])


def figure_cell(name: str, form: str, scale: float = 1.0, beside: bool = True) -> Callable[[Row], str]:
    """A figure times ``scale`` in the format ``form``; its interval and error too, if ``beside``."""

    def cell(row: Row) -> str:
        if row[name] is None:
            return ""
        text = format(scale * row[name], form)
        low, high, error = (row[f"{name}_{end}"] if beside else None for end in ("low", "high", "error"))
        if low is not None and high is not None:
            text += f" [{scale * low:{form}}, {scale * high:{form}}]"
        return text if error is None else f"{text} ± {scale * error:{form}}"

    return cell


MARKDOWN_COLUMNS: dict[str, Callable[[Row], str]] = {
    "model": marked_name,
    "N": lambda row: f"{row['count']:,}",
    "parameters, M: total [trained]": _parameters,
    "GMACs/step": _cost("gmacs_per_step"),
    "evaluations": _cost("nfe"),
    "GMACs/sample": _cost("gmacs_per_sample"),
    "s/sample": figure_cell("seconds_per_sample", ".3g"),
    "peak GB": figure_cell("peak_memory_gb", ".2f"),
    "ScoreQ ↑": figure_cell("scoreq", ".2f", beside=False),
    "FAD ↓": figure_cell("fad", ".2f", beside=False),
    "FID ↓": figure_cell("fid", ".3f"),
    "KID ↓": figure_cell("kid", ".5f"),
    "IS ↑": figure_cell("is", ".2f"),
    "mIS ↑": figure_cell("mis", ".1f", beside=False),
    "AM ↓": figure_cell("am", ".3f", beside=False),
    "accuracy, % ↑": figure_cell("accuracy", ".1f", 100.0),
    "accuracy, % ↑: seen digits": figure_cell("accuracy_seen", ".1f", 100.0),
    "accuracy, % ↑: unseen digits": figure_cell("accuracy_unseen", ".1f", 100.0),
    "guide accuracy, %": figure_cell("guide_accuracy", ".1f", 100.0),
    "confidence": figure_cell("confidence", ".3f"),
    "diversity": figure_cell("diversity", ".2f"),
    "nearest ratio": figure_cell("nearest_ratio", ".2f"),
}
