"""A frozen teacher: opened by path or name, described in the checkpoints of its students."""

from typing import Any

import torch
from torch import nn

from lightning_modules.bases.generator import Generator
from lightning_modules.checkpoints.reading import find_checkpoint, fingerprint, load_module
from lightning_modules.errors import InputError


def open_teacher(source: str, expected: str | None = None) -> Generator:
    """Load the generator that teaches; it gets no gradients and stays in evaluation mode.

    Args:
        source: its path or name.
        expected: fingerprint that it must have, None for any.

    Raises:
        InputError: it is no generator, has no classifier, or is another one than expected.
    """
    try:
        teacher = load_module(find_checkpoint(source))
    except InputError as error:
        raise InputError(f"cannot open the teacher: {error}") from error
    if not isinstance(teacher, Generator) or teacher.classifier is None:
        raise InputError(
            f"a teacher must be a Score Subnet, or a U-Net with a classifier, {source!r} holds a "
            f"{type(teacher).__name__}: give another"
        )
    if expected is not None and (found := fingerprint(teacher.state_dict())) != expected:
        raise InputError(
            f"the student's teacher has the fingerprint {expected[:12]}, {source!r} has {found[:12]}: train anew, or "
            "put the teacher back"
        )
    return teacher.requires_grad_(False).eval()


def describe_teacher(teacher: Generator, source: str) -> dict[str, Any]:
    """Plain facts by which a student's checkpoint remembers its teacher."""
    return {"source": source, "fingerprint": fingerprint(teacher.state_dict()), "model": teacher.title}


@torch.no_grad()
def starting_weights(student: nn.Module, teacher: nn.Module) -> list[str]:
    """Copy the teacher's weights into the student where names and shapes agree; returns their names."""
    theirs, taken = teacher.state_dict(), []
    for name, weight in student.state_dict().items():
        if name in theirs and theirs[name].shape == weight.shape:
            weight.copy_(theirs[name])
            taken.append(name)
    return taken
