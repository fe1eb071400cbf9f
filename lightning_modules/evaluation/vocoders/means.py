"""A measure's mean over clips, and how sure it is."""

from torch import Tensor

from lightning_modules.metrics import bootstrap


def mean_figures(name: str, values: Tensor) -> dict[str, float]:
    """Mean of ``values`` ``(N,)`` as ``name``, with its 95 % interval as ``name_low`` and ``name_high`` where N > 1."""
    if len(values) < 2:
        return {name: float(values.double().mean())}
    found = bootstrap(values)
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
