"""What training changes in a module beside its parameters."""

from torch import Tensor, nn


def trained_buffers(module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """Saved buffers outside frozen parts by name, such as the running statistics of BatchNorm.

    A part is frozen when it has parameters and none of them is trained.
    """
    trained = [p.requires_grad for p in module.parameters()]
    if trained and not any(trained):
        return {}
    unsaved = module._non_persistent_buffers_set
    found = {prefix + name: b for name, b in module.named_buffers(recurse=False) if name not in unsaved}
    for name, child in module.named_children():
        found |= trained_buffers(child, f"{prefix}{name}.")
    return found
