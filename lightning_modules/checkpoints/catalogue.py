"""What is shipped: one JSON file per model says all that is known of it; weights lie beside it or at its address."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_modules.checkpoints.card_facts import Facts, read_facts
from lightning_modules.errors import InputError, closest

FOLDER = Path(__file__).resolve().parents[1] / "pretrained"
WEIGHTS = ".safetensors"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
KINDS = {
    "ClassifierModule": "classifier",
    "EvaluatorModule": "evaluator",
    "ScoreSubnetModule": "Score Subnet",
    "UNetModule": "U-Net",
    "VocoderModule": "vocoder",
}


@dataclass(frozen=True)
class Entry:
    """One model's JSON file.

    Attributes:
        path: of the file.
        facts: what people say of the model.
        checkpoint: its training's checkpoint without weights and states: class, arguments, labels, steps.
        front_end: class and settings of the log-Mels, or of the samples, that it reads.
        averaged: whether the weights are the average over training.
        parameters: number of weights.
        fingerprint: of the weights as they are stored, in float32; ``trained_fingerprint`` is that before rounding.
        sha256: checksum of the file of weights, hexadecimal.
        bytes: its size.
    """

    path: Path
    facts: Facts
    checkpoint: dict[str, Any]
    front_end: dict[str, Any]
    averaged: bool
    parameters: int
    fingerprint: str
    trained_fingerprint: str
    sha256: str
    bytes: int

    @property
    def name(self) -> str:
        """What commands call the model."""
        return self.path.stem

    @property
    def kind(self) -> str:
        """What the model is, in a word or two."""
        class_name = self.checkpoint["hyper_parameters"]["_class_path"].rsplit(".", 1)[-1]
        return KINDS.get(class_name, class_name)

    @property
    def labels(self) -> list[int]:
        """Digits that it was trained on."""
        return list(self.checkpoint["scoretap"]["labels"])


def read_entry(path: Path) -> Entry:
    """The model that the JSON file at ``path`` describes.

    Raises:
        InputError: the file is missing, damaged, or no such file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        facts = read_facts(content.pop("facts"), str(path))
        entry = Entry(path, facts, **content)
        if not {"hyper_parameters", "scoretap"} <= entry.checkpoint.keys():
            raise KeyError("checkpoint")
    except FileNotFoundError as error:
        raise InputError(f"no {str(path)!r} beside the weights: expected both files of scoretap export") from error
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"cannot read {str(path)!r}, it is damaged or no model's facts ({type(error).__name__}): use another copy"
        ) from error
    return entry


def entries(folder: Path | None = None) -> list[Entry]:
    """All models in ``folder``, by default the shipped ones, in the order of their names."""
    return [read_entry((folder or FOLDER) / f"{name}.json") for name in names(folder)]


def names(folder: Path | None = None, kind: str | None = None) -> list[str]:
    """Names of all models in ``folder``, by default the shipped ones, sorted; of one ``kind`` if that is given."""
    paths = sorted((folder or FOLDER).glob("*.json"), key=lambda path: path.stem)
    return [path.stem for path in paths if kind is None or read_entry(path).kind == kind]


def find_entry(name: str) -> Entry:
    """The shipped model called ``name``.

    Raises:
        InputError: there is none; lists those that there are.
    """
    known = names()
    if name not in known:
        raise InputError(
            f"no model {name!r}: expected the path of a checkpoint, or one of {', '.join(known)}{closest(name, known)}"
        )
    return read_entry(FOLDER / f"{name}.json")


def is_name(text: str) -> bool:
    """Whether ``text`` can only be meant as a name: it has neither separator nor suffix."""
    return Path(text).name == text and not Path(text).suffix and not text.startswith((".", "~")) and text != ""
