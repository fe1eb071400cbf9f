"""Objects as short text: the class and its settings, for tables and fingerprints."""

from typing import Any


def describe(thing: Any) -> str:
    """Class name and plain public attributes of ``thing`` in the order of their names, such as ``DDIM(eta=1.0)``."""
    plain = (bool, int, float, str, type(None))
    settings = {
        name: value
        for name, value in sorted(vars(thing).items())
        if not name.startswith("_") and name != "training" and isinstance(value, plain)
    }
    inner = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return f"{type(thing).__name__}({inner})" if inner else type(thing).__name__
