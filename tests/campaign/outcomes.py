"""What a command left in its folder, so that two runs can be compared; and what an error has to look like."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from campaign.commands import Outcome

NOTES = ("stopping after this step", "waiting for", "left out ")  # of lines before the last
COSTS = ("seconds", "memory", "nfe_per", "time", "date")  # differ from run to run


def snapshot(folder: Path) -> dict[str, str]:
    """Path and digest of every file below ``folder``; costs do not count, and of a checkpoint weights and states do.

    Left out are locks, and what the cache remembers of a corpus by its whole path and times.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(".lock")]
    kept = [path for path in paths if path.parent.name != "contents" or path.name.startswith(".")]
    return {str(path.relative_to(folder)): _digest(path) for path in kept}


def file_digests(folder: Path) -> dict[str, str]:
    """Path and digest of the bytes of every file below ``folder``."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        if path.suffix == ".ckpt":
            stored = torch.load(path, map_location="cpu", weights_only=True)
            names = ("state_dict", "raw_parameters", "optimizer_states", "lr_schedulers", "global_step", "epoch")
            _add(digest, [stored.get(name) for name in names])
        elif path.suffix == ".csv":
            with open(path, newline="") as file:
                rows = [[(k, v) for k, v in row.items() if not _costs(k)] for row in csv.DictReader(file)]
            digest.update(repr(rows).encode())
        elif path.suffix == ".json":
            digest.update(repr(_without_costs(json.loads(path.read_text()))).encode())
        else:
            digest.update(path.read_bytes())
    except Exception as error:
        return f"damaged: {type(error).__name__}"
    return digest.hexdigest()[:16]


def _costs(name: Any) -> bool:
    return any(word in str(name) for word in COSTS)


def _without_costs(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_costs(inner) for name, inner in value.items() if not _costs(name)}
    return [_without_costs(inner) for inner in value] if isinstance(value, list) else value


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        digest.update(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    elif isinstance(value, dict):
        for name, inner in value.items():
            digest.update(str(name).encode())
            _add(digest, inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _add(digest, inner)
    else:
        digest.update(repr(value).encode())


def check_same(found: dict[str, str], expected: dict[str, str]) -> None:
    """Check that two snapshots agree, in names and in contents."""
    lost, more = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    other = [name for name in sorted(expected.keys() & found.keys()) if expected[name] != found[name]]
    words = {"lost": lost, "left over": more, "differs": other}
    text = "; ".join(f"{word}: {', '.join(names[:4])} ({len(names)})" for word, names in words.items() if names)
    assert not text, text


def check_done(outcome: Outcome) -> None:
    """Check that a command ended well."""
    assert outcome.status == 0, f"exit {outcome.status}: {outcome.err[-500:]}"


def check_sentence(outcome: Outcome, statuses: tuple[int, ...] = (1, 2)) -> str:
    """Check that a command ended with one sentence and one of the exit statuses; the sentence."""
    tail = outcome.err[-700:]
    assert "Traceback" not in outcome.err, f"a traceback (exit {outcome.status}): {tail}"
    assert outcome.status in statuses, f"exit {outcome.status}, not {statuses}: {tail}"
    lines = [line for line in outcome.err.replace("\r", "\n").split("\n") if line.strip()]
    sentences = [line for line in lines if line.startswith("scoretap: ") and not any(word in line for word in NOTES)]
    assert len(sentences) == 1 and lines[-1] == sentences[0], f"not one sentence at the end: {tail}"
    assert len(sentences[0]) < 1500, f"a sentence of {len(sentences[0])} characters: {sentences[0][:300]}"
    return sentences[0]
