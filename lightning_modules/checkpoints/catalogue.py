"""The catalogue of shipped models: one JSON file describes each, its weights lie beside that file or at a URL."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_modules.checkpoints.card_facts import Facts, read_facts
from lightning_modules.checkpoints.structure import check_structure
from lightning_modules.errors import InputError, closest

FOLDER = Path(__file__).resolve().parents[1] / "pretrained"
WEIGHTS = ".safetensors"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
KINDS = {
    "ClassifierModule": "classifier",
    "DistillationModule": "student",
    "EvaluatorModule": "evaluator",
    "ScoreSubnetModule": "Score Subnet",
    "UNetModule": "U-Net",
    "VocoderModule": "vocoder",
}


@dataclass(frozen=True)
class Entry:
    """A model of the catalogue, as its JSON file describes it.

    Attributes:
        path: path of the JSON file.
        facts: what people wrote about the model.
        checkpoint: checkpoint of its training without weights and states: class, arguments, labels, steps.
        front_end: class and settings of the log-Mels, or of the samples, that it reads.
        averaged: whether the weights are the average over training.
        parameters: number of weights.
        fingerprint: fingerprint of the stored weights in float32; ``trained_fingerprint`` is that before rounding.
        sha256: checksum of the file of weights, hexadecimal.
        bytes: size of the file of weights.
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
        """The name that commands take for the model."""
        return self.path.stem

    @property
    def kind(self) -> str:
        """The kind of model, in a word or two."""
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
        check_structure(entry.checkpoint, f"the checkpoint in {str(path)!r}")
        kinds = {"sha256": str, "fingerprint": str, "trained_fingerprint": str, "bytes": int, "parameters": int}
        if wrong := [name for name, kind in kinds.items() if not isinstance(content[name], kind)]:
            raise TypeError(wrong[0])
        if not isinstance(entry.front_end, dict):
            raise TypeError("front_end")
    except FileNotFoundError as error:
        raise InputError(f"no {str(path)!r} beside the weights: expected both files of scoretap export") from error
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"cannot read {str(path)!r}, it is damaged or no model's facts ({type(error).__name__}): use another copy"
        ) from error
    return entry


def entries(folder: Path | None = None) -> list[Entry]:
    """All models in ``folder`` in the order of their names; the shipped ones by default."""
    return [read_entry((folder or FOLDER) / f"{name}.json") for name in names(folder)]


def names(folder: Path | None = None, kind: str | None = None) -> list[str]:
    """Sorted names of the models in ``folder``, the shipped ones by default; of one ``kind``, if given."""
    paths = sorted((folder or FOLDER).glob("*.json"), key=lambda path: path.stem)
    return [path.stem for path in paths if kind is None or read_entry(path).kind == kind]


def find_entry(name: str) -> Entry:
    """The shipped model called ``name``.

    Raises:
        InputError: there is none; the message lists all names.
    """
    known = names()
    if name not in known:
        raise InputError(
            f"no model {name!r}: expected the path of a checkpoint, or one of {', '.join(known)}{closest(name, known)}"
        )
    return read_entry(FOLDER / f"{name}.json")


def is_name(text: str) -> bool:
    """Whether ``text`` must be a name and cannot be a path: it has neither separator nor suffix."""
    return Path(text).name == text and not Path(text).suffix and not text.startswith((".", "~")) and text != ""
