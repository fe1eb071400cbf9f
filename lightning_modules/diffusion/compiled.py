"""Compiling evaluations of a guided denoiser to graphs, including the gradients that they take."""

import os
import shutil
from collections.abc import Callable, Hashable, MutableMapping
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from lightning_modules.errors import InputError

Graph = Callable[..., Any]

# By denoiser; of each, by everything that a graph depends on and by the number of samples.
_GRAPHS: MutableMapping[Any, dict[Hashable, dict[int, Graph]]] = WeakKeyDictionary()


def backend_of(choice: bool | str) -> str | None:
    """Find the ``torch.compile`` backend that a setting means: inductor for true, None for false.

    Raises:
        InputError: there is no such backend, or inductor would find no C++ compiler.
    """
    if not choice:
        return None
    backend = "inductor" if choice is True else choice
    if backend != "inductor" and backend not in (known := torch.compiler.list_backends(exclude_tags=())):
        raise InputError(f"compile must be true, false or one of {', '.join(known)}, got {choice!r}")
    compilers = (os.environ.get("CXX", "").partition(" ")[0], "g++", "clang++", "c++", "gcc", "cl")
    if backend == "inductor" and not any(name and shutil.which(name) for name in compilers):
        raise InputError(
            "compile true needs a C++ compiler and none was found: install g++, name yours in the variable CXX, or "
            "leave compile out"
        )
    return backend


class CompiledRunner:
    """Runs functions of tensors as compiled graphs, each traced once per shape, precision and layout of weights.

    Hooks and ``torch.autograd.grad`` cannot be compiled. So a function is first traced operator by operator, backward
    passes included, by ``make_fx``; the graph then holds nothing but tensor operators and is compiled as a whole. It
    reads parameters where they are: values that are changed in place, as by a moving average, count at once.

    A batch smaller than one that was compiled before runs as it is: it is the last of many, and compiling takes longer.
    Graphs are kept as long as their ``owner`` lives, the denoiser that the functions evaluate, for each of the
    ``settings`` that a function depends on.
    """

    def __init__(self, owner: Any, backend: str, settings: tuple[Hashable, ...]) -> None:
        self.backend = backend
        self._graphs = _GRAPHS.setdefault(owner, {})
        self._settings = (backend, *settings, _state(owner))

    def __call__(self, function: Callable[..., Any], *tensors: Tensor) -> Any:
        """Call ``function``, a method, with ``tensors`` ``(B, ...)``; the result has no graph for further gradients.

        Raises:
            InputError: the function cannot be compiled on this machine.
        """
        kinds = tuple((x.shape[1:], x.dtype, x.device) for x in tensors)
        graphs = self._graphs.setdefault((function.__name__, kinds, _autocast(tensors[0]), *self._settings), {})
        batch = len(tensors[0])
        if batch < max(graphs, default=0) and batch not in graphs:
            return function(*tensors)
        tensors = tuple(x.flatten().view(x.shape) for x in tensors)  # one choice of strides for axes of one element
        # Casts to half precision stand in the graph.
        with torch.no_grad(), torch.autocast(tensors[0].device.type, enabled=False):
            if batch in graphs:
                return graphs[batch](*tensors)
        return self._compile(graphs, function, tensors)

    def _compile(self, graphs: dict[int, Graph], function: Callable[..., Any], tensors: tuple[Tensor, ...]) -> Any:
        from torch._dynamo.exc import TorchDynamoException

        device = tensors[0].device.type
        try:
            graph = torch.compile(self._trace(function, tensors), backend=self.backend, fullgraph=True, dynamic=False)
            with torch.no_grad(), torch.autocast(device, enabled=False):
                result = graph(*tensors)
        except TorchDynamoException as error:
            reason = str(getattr(error, "inner_exception", error)).strip() or type(error).__name__
            raise InputError(
                f"sampling cannot be compiled by {self.backend} on this {device} ({reason.splitlines()[0][:200]}): "
                "install what it misses, or leave out --sampling.compile"
            ) from error
        graphs[len(tensors[0])] = graph
        return result

    @staticmethod
    def _trace(function: Callable[..., Any], tensors: tuple[Tensor, ...]) -> nn.Module:
        from torch._dynamo import config as dynamo_config
        from torch.fx.experimental.proxy_tensor import make_fx

        device, half = tensors[0].device.type, _autocast(tensors[0])
        # A cached cast would enter the graph as a constant, and weights that change would not reach it.
        casts = torch.autocast(device, half, enabled=half is not None, cache_enabled=False)
        # A network that is compiled for training is traced as it is.
        with torch.no_grad(), casts, dynamo_config.patch(error_on_nested_fx_trace=False):
            graph: nn.Module = make_fx(lambda *args: function(*args))(*tensors)  # counts arguments, of methods wrongly
        return graph


def _autocast(x: Tensor) -> torch.dtype | None:
    """Type to which autocast casts on the device of ``x``; None where it is off."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None


def _state(owner: Any) -> tuple[Hashable, ...]:
    """What a graph depends on beside its inputs: the tensors of the networks, not their values, and their modes."""
    parts = [part for part in (owner.network, owner.classifier) if isinstance(part, nn.Module)]
    modules = [module for part in parts for module in part.modules()]
    tensors = chain.from_iterable((*m.parameters(recurse=False), *m.buffers(recurse=False)) for m in modules)
    return (tuple(m.training for m in modules), tuple((id(x), x.dtype, x.stride()) for x in tensors))
