"""Samples of one model and one set of settings: drawn once, whatever interrupts, on however many processes."""

import json
import resource
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from tqdm import tqdm

from callbacks.sample_writer import sample_facts, write_sample
from datamodules.manifest import ManifestPart, drawn_files, merge_parts, sample_file
from datamodules.new_files import new_file
from datamodules.sample_requests import RequestList
from lightning_modules.errors import InputError

SETTINGS, COST = "settings.json", "cost.json"


class SampleFolder:
    """A folder of WAVs with a manifest, the settings that they were drawn with, and what drawing cost.

    Args:
        path: the folder; all processes must see the same.
        settings: plain values that a sample depends on, beside its own label and seed.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path, self.settings = path, settings

    def open(self) -> None:
        """Make the folder, or check that what it holds was drawn with the same settings.

        Raises:
            InputError: it was not, or the folder cannot be written to.
        """
        stored = self.path / SETTINGS
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if stored.is_file():
                self._check(json.loads(stored.read_text()))
            elif any(self.path.iterdir()):
                raise InputError(
                    f"expected an empty folder or one of scoretap test at {str(self.path)!r}: give another folder"
                )
            with new_file(stored) as temporary:
                temporary.write_text(json.dumps(self.settings, indent=1) + "\n")
        except (OSError, ValueError) as error:
            raise InputError(f"cannot keep samples in {str(self.path)!r} ({error}): give another folder") from error

    def _check(self, stored: dict[str, Any]) -> None:
        if stored != self.settings:
            names = [name for name in {**stored, **self.settings} if stored.get(name) != self.settings.get(name)]
            raise InputError(
                f"{str(self.path)!r} holds samples drawn with another {names[0]} ({stored.get(names[0])}, now "
                f"{self.settings.get(names[0])}): give another folder"
            )

    def missing(self, requests: RequestList, batch_size: int) -> list[list[int]]:
        """Batches of requests of which a file is missing.

        Batches are cut before any is left out, so that a sample is drawn in the same company, and rounds the same way,
        after an interruption and on any number of processes.
        """
        there = drawn_files(self.path)
        rows = zip(range(len(requests)), requests.y.tolist(), requests.seed.tolist(), strict=True)
        files = [sample_file(*row) for row in rows]
        batches = [
            list(range(start, min(start + batch_size, len(files)))) for start in range(0, len(files), batch_size)
        ]
        return [batch for batch in batches if any(files[i] not in there for i in batch)]

    def draw(self, trainer: Trainer, generator: Any, requests: RequestList, batch_size: int) -> None:
        """Draw what is missing, batch by batch over all processes; call it on all of them."""
        batches = self.missing(requests, batch_size) if trainer.is_global_zero else []
        batches = trainer.strategy.broadcast(batches)  # decided once: files appear while others still look
        if not batches:
            return
        device, fe, facts = generator.device, generator.front_end, sample_facts(generator)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        part = ManifestPart(self.path, trainer.global_rank, go_on=True)
        own = batches[trainer.global_rank :: trainer.world_size]
        with tqdm(total=sum(map(len, own)), desc="samples", unit="clip", disable=not trainer.is_global_zero) as bar:
            for rows in own:
                batch, start = requests.__getitems__(rows), time.perf_counter()
                with trainer.precision_plugin.forward_context():
                    drawn = generator.draw(batch.y.to(device), batch.seed.tolist(), generator.sampling)
                waveforms = drawn.waveform.cpu()  # waits for the device, so that the time is the whole time
                seconds = (time.perf_counter() - start) / len(rows)
                shared = {**facts, "nfe": drawn.nfe, "seconds": f"{seconds:.4g}"}
                requested = zip(rows, batch.y.tolist(), batch.seed.tolist(), strict=True)
                for waveform, request in zip(waveforms, requested, strict=True):
                    write_sample(part, waveform, fe.sample_rate, request, shared)
                bar.update(len(rows))
        trainer.strategy.barrier("samples_drawn")
        if trainer.is_global_zero:
            merge_parts(self.path, go_on=True)
            with new_file(self.path / COST) as temporary:
                temporary.write_text(json.dumps({"peak_memory_gb": peak_memory_gb(device)}) + "\n")

    def peak_memory_gb(self) -> float | None:
        """Of the process that drew last; None where nothing is known of it."""
        try:
            return float(json.loads((self.path / COST).read_text())["peak_memory_gb"])
        except (OSError, ValueError, KeyError):
            return None


def peak_memory_gb(device: torch.device) -> float:
    """Largest memory in 10^9 bytes: tensors on a GPU since its statistics were reset; else of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # Linux counts in KiB


def spread_requests(labels: list[int], count: int, seed: int) -> RequestList:
    """``count`` requests with seeds from ``seed`` on: the digits ``labels`` in turn, or none where there are none."""
    y = torch.tensor(labels or [-1]).repeat(-(-count // max(len(labels), 1)))[:count]
    return RequestList(y.tolist(), [seed + j for j in range(count)])
