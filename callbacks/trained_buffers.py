"""Buffers that training changes in a module, such as the running statistics of BatchNorm."""

from torch import Tensor, nn


def trained_buffers(module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """Find the saved buffers outside frozen parts, by name.

    A part is frozen when it has parameters and none of them is trained.
    """
    trained = [p.requires_grad for p in module.parameters()]
    if trained and not any(trained):
        return {}
    unsaved = module._non_persistent_buffers_set
    buffers = {prefix + name: b for name, b in module.named_buffers(recurse=False) if name not in unsaved}
    for name, child in module.named_children():
        buffers |= trained_buffers(child, f"{prefix}{name}.")
    return buffers
