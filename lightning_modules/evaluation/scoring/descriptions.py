"""Describes samplers, schedules and vocoders by the name of a class and its settings."""

import ast
import math
from dataclasses import dataclass
from typing import Any

PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class Description:
    """A class and its settings; as text ``DDIM(eta=1.0)``, as tables show it."""

    name: str  # of the class
    # Pairs of name and value; a value is plain, a tuple of plain values, or a description itself.
    settings: tuple[tuple[str, Any], ...] = ()
    # What settings do not say: the fingerprint of a vocoder, or of guidance at denoised and classifier-free.
    detail: str = ""

    def __str__(self) -> str:
        inner = ", ".join(f"{name}={value if isinstance(value, Description) else repr(value)}"
                          for name, value in self.settings)  # fmt: skip
        return (f"{self.name}({inner})" if inner else self.name) + (f" {self.detail}" if self.detail else "")

    def stored(self) -> dict[str, Any]:
        """Return the form in JSON, such as ``{"class": "DDIM", "settings": {"eta": 1.0}}``; infinity is text there."""
        settings = {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in self.settings
        }
        return {"class": self.name, "settings": settings, **({"detail": self.detail} if self.detail else {})}


def describe(thing: Any, detail: str = "") -> Description:
    """Describe ``thing`` by its class and its plain public attributes, in the order of their names."""
    settings = tuple(
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in sorted(vars(thing).items())
        if not name.startswith("_") and name != "training" and _is_plain(value)
    )
    return Description(type(thing).__name__, settings, detail)


def _is_plain(value: Any) -> bool:
    several = isinstance(value, list | tuple) and all(isinstance(one, PLAIN) for one in value)
    return several or isinstance(value, PLAIN)


def read_description(stored: Any) -> Description:
    """Read what a file holds of a description: a dictionary, or the text that earlier versions wrote.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(stored, str):
        return parse_description(stored)
    if isinstance(stored, dict) and isinstance(stored.get("class"), str):
        settings, detail = stored.get("settings", {}), stored.get("detail", "")
        if isinstance(settings, dict) and isinstance(detail, str):
            pairs = tuple((name, _setting(value)) for name, value in settings.items())
            return Description(stored["class"], pairs, detail)
    raise ValueError(f"{stored!r} in place of a class and its settings")


def parse_description(text: str) -> Description:
    """Parse text such as ``GriffinLim(num_iterations=32) 0123abcd``; other text is taken for the name of a class."""
    call, bracket, detail = text.rpartition(") ")
    if not bracket and not text.endswith(")"):
        call, _, detail = text.partition(" ")
    elif not bracket:
        call, detail = text, ""
    try:
        found = _evaluate(ast.parse(call + bracket.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        found = None
    return Description(found.name, found.settings, detail) if isinstance(found, Description) else Description(text)


def _evaluate(node: ast.expr) -> Any:
    """Turn syntax into a plain value or the description of a class."""
    if isinstance(node, ast.Name):
        return float(node.id) if node.id in ("inf", "nan") else Description(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        return Description(node.func.id, tuple((str(each.arg), _evaluate(each.value)) for each in node.keywords))
    return ast.literal_eval(node)


def _setting(value: Any) -> Any:
    if isinstance(value, dict):
        return read_description(value)
    if isinstance(value, list):
        return tuple(value)
    return float(value) if value in ("inf", "-inf", "nan") else value
