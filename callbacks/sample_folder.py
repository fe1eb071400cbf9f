"""Draws samples and writes them into a folder with a manifest, for `predict` and for `test`."""

import json
import resource
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from tqdm import tqdm

from datamodules import RequestBatch
from datamodules.audio_files import write_wav
from datamodules.manifest import COST, SETTINGS, ManifestPart, drawn_files, merge_parts, sample_file
from datamodules.new_files import new_file
from datamodules.sample_requests import RequestList
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.errors import InputError
from lightning_modules.labels import NO_LABEL, format_label


class SampleFolder:
    """A folder takes the samples of one model and one set of settings, each as soon as it is drawn.

    Every process calls :meth:`begin`, :meth:`write` for each of its batches, and :meth:`finish`; :meth:`draw` does all
    three for the samples that are missing. While samples are drawn, each process lists its own in a part of the
    manifest; :meth:`finish` merges the parts. All processes must see the same folder. ``settings`` are plain values
    that a sample depends on, beside its own label and seed.
    """

    def __init__(self, path: Path, settings: dict[str, Any] | None = None) -> None:
        self.path, self.settings = path, settings or {}
        self._part: ManifestPart | None = None
        self._cells: dict[str, Any] = {}
        self._sample_rate = 0

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
        """List batches of requests of which a file is missing.

        Batches are cut before any is left out, so that a sample is drawn in the same company, and rounds the same way,
        after an interruption and on any number of processes.
        """
        present = drawn_files(self.path)
        rows = zip(range(len(requests)), requests.y.tolist(), requests.seed.tolist(), strict=True)
        files = [sample_file(*row) for row in rows]
        batches = [
            list(range(start, min(start + batch_size, len(files)))) for start in range(0, len(files), batch_size)
        ]
        return [batch for batch in batches if any(files[i] not in present for i in batch)]

    def draw(self, trainer: Trainer, generator: Any, requests: RequestList, batch_size: int) -> None:
        """Draw what is missing, batch by batch over all processes; call it on all of them."""
        batches = self.missing(requests, batch_size) if trainer.is_global_zero else []
        batches = trainer.strategy.broadcast(batches)  # decided once: files appear while others still look
        if not batches:
            return
        device = generator.device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        self.begin(trainer, generator, go_on=True)
        own = batches[trainer.global_rank :: trainer.world_size]
        with tqdm(total=sum(map(len, own)), desc="samples", unit="clip", disable=not trainer.is_global_zero) as bar:
            for rows in own:
                batch, start = requests.__getitems__(rows), time.perf_counter()
                self.write(draw_samples(trainer, generator, batch.y, batch.seed.tolist()), batch, start)
                bar.update(len(rows))
        self.finish(trainer, go_on=True)
        if trainer.is_global_zero:
            with new_file(self.path / COST) as temporary:
                temporary.write_text(json.dumps({"peak_memory_gb": peak_memory_gb(device)}) + "\n")

    def begin(self, trainer: Trainer, generator: Any, go_on: bool = False) -> None:
        """Open this process' part of the manifest; with ``go_on`` the entries of an earlier run stay in it."""
        sampling = generator.sampling
        self._part = ManifestPart(self.path, trainer.global_rank, go_on)
        self._sample_rate = generator.front_end.sample_rate
        weights = fingerprint(generator.state_dict())
        if trainer.strategy.broadcast(weights) != weights:
            raise InputError("the checkpoint changed while the processes read it: copy it, and give the copy")
        self._cells = {
            "guidance_scale": sampling.guidance_scale,
            "guidance": sampling.guidance_name(generator.denoiser),
            "num_steps": sampling.num_steps,
            "sampler": type(sampling.sampler).__name__,
            "checkpoint": weights,
        }

    def write(self, drawn: Any, batch: RequestBatch, start: float) -> None:
        """Write what was ``drawn`` for a batch as WAVs, each followed by its entry in the manifest.

        Drawing began at ``start``, by ``time.perf_counter()``; a sample's time is its share, vocoder included.
        """
        assert self._part is not None
        waveforms = drawn.waveform.cpu()  # waits for the device, so that the time is the whole time
        seconds = (time.perf_counter() - start) / len(waveforms)
        cells = {**self._cells, "nfe": drawn.nfe, "seconds": f"{seconds:.4g}"}
        requests = zip(batch.index.tolist(), batch.y.tolist(), batch.seed.tolist(), strict=True)
        for waveform, (index, label, seed) in zip(waveforms, requests, strict=True):
            file = sample_file(index, label, seed)
            write_wav(self.path / file, waveform, self._sample_rate)
            guided = {} if label != NO_LABEL else {"guidance_scale": 0.0}  # nothing guides without a label
            self._part.add(index, {"file": file, "label": format_label(label), "seed": seed, **cells, **guided})

    def finish(self, trainer: Trainer, go_on: bool = False) -> int:
        """Merge the manifest when all processes have drawn; the first process gets the number of samples, others 0."""
        trainer.strategy.barrier("samples_drawn")
        return merge_parts(self.path, go_on) if trainer.is_global_zero else 0

    def peak_memory_gb(self) -> float | None:
        """Read the peak memory of the process that drew last; None where nothing is known of it."""
        try:
            return float(json.loads((self.path / COST).read_text())["peak_memory_gb"])
        except (OSError, ValueError, KeyError):
            return None


def draw_samples(trainer: Trainer, generator: Any, y: Tensor, seeds: list[int], sampling: Any = None) -> Any:
    """Draw one sample for each digit of ``y`` ``(B,)`` and its seed, in the Trainer's precision.

    A digit may be :data:`NO_LABEL`. Without ``sampling`` the generator draws by its own settings.
    """
    with trainer.precision_plugin.forward_context():
        return generator.draw(y.to(generator.device), seeds, generator.sampling if sampling is None else sampling)


def peak_memory_gb(device: torch.device) -> float:
    """Return the peak memory in 10^9 bytes: of tensors on a GPU since the last reset, else of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # Linux counts in KiB


def spread_requests(labels: list[int], count: int, seed: int) -> RequestList:
    """Ask for ``count`` samples with seeds from ``seed`` on, of the digits ``labels`` in turn, or of none."""
    y = torch.tensor(labels or [NO_LABEL]).repeat(-(-count // max(len(labels), 1)))[:count]
    return RequestList(y.tolist(), [seed + j for j in range(count)])
