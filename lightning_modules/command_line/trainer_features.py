"""Features of Lightning's Trainer that cannot work with scoretap's models, and callbacks that may stand there once."""

from importlib import import_module
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch import callbacks as theirs
from lightning.pytorch.strategies.launchers import _MultiProcessingLauncher

import callbacks
from lightning_modules.errors import InputError

# Callbacks that would fail, or would change a run without a word, and what to do instead.
UNSUITED: dict[type, str] = {
    theirs.LearningRateFinder: "tries rates on a setting learning_rate of the model, which has an optimization "
    "instead: set --model.init_args.optimization.learning_rate",
    theirs.BatchSizeFinder: "changes the batch size behind the settings that checkpoints store: set "
    "--data.init_args.batch_size",
    theirs.StochasticWeightAveraging: "replaces the learning-rate schedule and averages frozen weights too: use "
    "callbacks.EMA, which base has",
    theirs.WeightAveraging: "moves frozen weights by rounding: use callbacks.EMA, which base has",
    theirs.ModelPruning: "replaces parameters by others, which checkpoints of scoretap do not hold: leave it out",
    theirs.BaseFinetuning: "freezes layers by itself: set --model.init_args.backbone_mode",
    theirs.Timer: "cannot be written to config.yaml: set --trainer.max_time",
}
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")


def check_callbacks(trainer: dict[str, Any]) -> None:
    """Refuse callbacks that cannot work with scoretap's models, and two of one of scoretap's.

    Args:
        trainer: the Trainer's settings as the parser gives them.

    Raises:
        InputError: names the callback and what to do.
    """
    given = trainer.get("callbacks") or []
    seen: set[type] = set()
    for each in given if isinstance(given, list) else [given]:
        if not isinstance(each, dict) or not isinstance(each.get("class_path"), str):
            continue
        kind = _find_class(each["class_path"])
        for unsuited, reason in UNSUITED.items():
            if issubclass(kind, unsuited):
                raise InputError(f"the callback {kind.__name__} {reason}")
        base = next((one for one in kind.__mro__ if getattr(callbacks, one.__name__, None) is one), None)
        if base in (callbacks.SampleWriter, callbacks.SampleScores, callbacks.StopOnSignal):
            raise InputError(f"scoretap sets {kind.__name__} by itself: leave it out of trainer.callbacks")
        if base in seen:
            raise InputError(
                f"trainer.callbacks holds {base.__name__} twice, and one would undo the other: keep one, and give its "
                "settings there (a config whose trainer.callbacks is a whole list takes the place of base's)"
            )
        if base is not None:
            seen.add(base)


def check_trainer(trainer: Any) -> None:
    """Refuse ways of running that scoretap's models cannot follow.

    Raises:
        InputError: names the setting and what to do.
    """
    launcher = trainer.strategy.launcher
    if isinstance(launcher, _MultiProcessingLauncher) and launcher._start_method == "spawn":
        raise InputError(
            "a strategy that spawns processes cannot take a run of the command line along: set trainer.strategy ddp"
        )
    if trainer.precision not in PRECISIONS:
        raise InputError(
            f"expected trainer.precision {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}, got {trainer.precision}: "
            "weights and noise levels stay in float32"
        )


def _find_class(path: str) -> type:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return Callback  # the parser will say so
    return found if isinstance(found, type) else Callback
