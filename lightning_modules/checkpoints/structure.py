"""What a checkpoint must hold to be used at all: checked before anything is built from it."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from lightning_modules.errors import InputError

DEEPEST = 40  # levels of settings inside settings
_VERSION = re.compile(r"[2-9]\d*\.\d+\S*")  # of Lightning: scoretap never ran on an earlier one


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _digits(value: Any) -> bool:
    return isinstance(value, list) and all(_count(digit) and digit <= 9 for digit in value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _digests(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(digest, str) for digest in value.values())


def _states(*names: str) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(one, dict) and set(names) <= one.keys() for one in value)

    return check


def _dict(value: Any) -> bool:
    return isinstance(value, dict)


def _optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _version(value: Any) -> bool:
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None


# Lightning's counters in a state of its loops, and what each must hold.
_COUNTERS = {
    "epoch_progress": {"total", "current"},
    "batch_progress": {"total", "current"},
    "scheduler_progress": {"total", "current"},
    "optim_step_progress": {"total", "current"},
    "optim_progress": {"optimizer"},
    "optimizer": {"step", "zero_grad"},
    "step": {"total", "current"},
    "zero_grad": {"total", "current"},
}


def _loops(value: Any) -> bool:
    """Whether all counters of the loops are whole; Lightning takes them as they are."""
    if not isinstance(value, dict) or not all(isinstance(loop, dict) for loop in value.values()):
        return False
    states = [(str(name).rpartition(".")[2], state) for loop in value.values() for name, state in loop.items()]
    return all(_counters(name, state) if name in _COUNTERS else isinstance(state, dict) for name, state in states)


def _counters(name: str, value: Any) -> bool:
    if name == "is_last_batch":
        return isinstance(value, bool)
    if not isinstance(value, dict) or not _COUNTERS.get(name, set()) <= value.keys():
        return False
    return all(_counters(key, inner) if name in _COUNTERS else _count(inner) for key, inner in value.items())


def _position(value: Any) -> bool:
    """Whether this is the state of a data module: an epoch, and how many of its batches are trained on."""
    return isinstance(value, dict) and value.keys() == {"epoch", "batches"} and all(map(_count, value.values()))


# Places in a checkpoint, and what must stand there; a question mark marks what need not be there.
_PLACES: dict[str, Callable[[Any], bool]] = {
    "pytorch-lightning_version": _version,
    "epoch": _count,
    "global_step": _count,
    "hyper_parameters": _dict,
    "hyper_parameters/_class_path": _text,
    "hyper_parameters/classifier?/class_path": _text,
    "hyper_parameters/classifier?/init_args": _dict,
    "hyper_parameters/classifier?/labels": _digits,
    "hyper_parameters/classifier?/fingerprint": _text,
    "hyper_parameters/teacher?": _dict,
    "hyper_parameters/teacher?/source": _text,
    "hyper_parameters/teacher?/fingerprint": _text,
    "scoretap": _dict,
    "scoretap/labels?": _digits,
    "scoretap/classifier?": _optional(_text),
    "scoretap/backbone?": _optional(_text),
    "scoretap/sampling?": _dict,
    "scoretap/student?": _dict,
    "scoretap/batch_size?": _optional(_count),
    "scoretap/val_accuracy?": _optional(lambda value: isinstance(value, float) and 0 <= value <= 1),
    "datamodule_hyper_parameters?": _optional(_dict),
    "datamodule_hyper_parameters?/_class_path?": _text,
    "callbacks?": _dict,
    "loops?": _optional(_loops),
    "lr_schedulers?": _states(),
    "run?": _dict,
    "run?/configs?": _optional(_texts),
    "run?/wandb?": _optional(_text),
    "run?/wandb_step?": _optional(_count),
    "run?/csv_rows?": _optional(_count),
    "run?/seed?": _text,
    "run?/trainer?": _dict,
    "run?/corpus?": _optional(_digests),
    "metric_states?": _dict,
}
_OF_TRAINING: dict[str, Callable[[Any], bool]] = {
    "optimizer_states": _states("state", "param_groups"),
    "lr_schedulers": _states(),
    "loops": _loops,
    "loops/fit_loop": _dict,
    "callbacks": _dict,
}


def check_structure(content: Any, source: str) -> None:
    """Refuse a checkpoint without the facts and settings that every model is rebuilt from.

    Args:
        content: of the file; its tensors are not looked at.
        source: name of the file, for the error message.

    Raises:
        InputError: it was not written by scoretap, or names the place that is damaged.
    """
    if not isinstance(content, dict) or not {"hyper_parameters", "scoretap"} <= content.keys():
        raise InputError(f"{source} is not a scoretap checkpoint: expected one written by scoretap fit")
    _check_places(_PLACES, content, source)
    for name in ("hyper_parameters", "datamodule_hyper_parameters", "run"):
        _check_plain(content.get(name), f"{source}: {name}")
    for name in ("sampling", "student"):
        _check_plain(content["scoretap"].get(name), f"{source}: scoretap/{name}")


def check_resumable(content: dict[str, Any], source: str) -> None:
    """Refuse a checkpoint whose training cannot go on because a state is missing.

    Raises:
        InputError: names the state.
    """
    _check_places(_OF_TRAINING, content, source)
    package, _, name = str((content.get("datamodule_hyper_parameters") or {}).get("_class_path")).rpartition(".")
    if package == "datamodules" and not _position(content.get(name)):
        raise _damaged(name, f"is {_short(content.get(name))} and no place in an epoch", source)


def _check_places(places: dict[str, Callable[[Any], bool]], content: dict[str, Any], source: str) -> None:
    for place, is_right in places.items():
        value: Any = content
        for step in place.split("/"):
            name = step.removesuffix("?")
            if not isinstance(value, dict) or (name not in value and step != name):
                break  # it need not be there, or was refused before
            if name not in value:
                raise _damaged(place, "is missing", source)
            value = value[name]
        else:
            if not is_right(value):
                raise _damaged(place, f"is {_short(value)}", source)


def _check_plain(settings: Any, source: str) -> None:
    """Check that settings are plain values, not too deep in each other; without recursion."""
    level: list[Any] = [settings]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                if wrong := [key for key in value if not isinstance(key, str)]:
                    raise InputError(f"{source} has {_short(wrong[0])} as a name, it is damaged: use another copy")
                inner += value.values()
            elif isinstance(value, list | tuple):
                inner += value
            elif not isinstance(value, str | int | float | None):
                raise InputError(f"{source} has {_short(value)} as a value, it is damaged: use another copy")
        level = _unique(inner)
        if not level:
            return
    raise InputError(f"{source} is more than {DEEPEST} levels deep, it is damaged: use another copy")


def _unique(values: Iterable[Any]) -> list[Any]:
    """Each object once, so that a few that refer to each other often do not become many."""
    return list({id(value): value for value in values}.values())


def _short(value: Any) -> str:
    return repr(value)[:40] if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"


def _damaged(place: str, what: str, source: str) -> InputError:
    return InputError(
        f"cannot use {source}, it is damaged or was not written by scoretap fit: its {place.replace('?', '')} {what}: "
        "use another copy"
    )
