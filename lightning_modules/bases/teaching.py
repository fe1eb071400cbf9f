"""Lessons on disk: paths that a frozen teacher draws once, for students to learn from."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from datamodules.feature_cache import default_cache_dir
from lightning_modules.bases.generator import Generator
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.diffusion import GuidanceSchedule, Interval, Sampling
from lightning_modules.diffusion.distillation import Teacher
from lightning_modules.diffusion.samplers import Karras, PerSampleNoise, TimeGrid
from lightning_modules.errors import InputError
from lightning_modules.new_files import new_file

CHUNK = 50  # paths per file: what an interruption can lose


class Teaching:
    """How a teacher draws the paths that students learn.

    Args:
        guidance_scale: gamma of the teacher, at least 0.
        guidance: share of gamma by noise level; default between noise levels 1 and 30, as in ``sampling/fast``.
        num_steps: steps of DDIM without noise per path; the student's noise levels are added to them.
        time_grid: placement of these steps; default Karras's.
        paths: number of paths that are drawn once, kept on disk and taken again by later runs; 0 draws each batch anew.
        held_out: how many of them are kept for validation.
        clamp: largest magnitude of the teacher's estimates; null leaves them free.
        seed: of the first path's noise.
        folder: where paths are kept; ``scoretap`` in the user's cache folder by default.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        guidance_scale: float = 3.0,
        guidance: GuidanceSchedule | None = None,
        num_steps: int = 12,
        time_grid: TimeGrid | None = None,
        paths: int = 3000,
        held_out: int = 50,
        clamp: float | None = 1.1,
        seed: int = 1_000_000,
        folder: str | None = None,
    ) -> None:
        if num_steps < 1 or paths < 0 or held_out < 1 or (paths and held_out >= paths) or seed < 0:
            raise ValueError(
                "num_steps and held_out must be at least 1, paths and seed at least 0, and held_out below paths, got "
                f"{num_steps}, {held_out}, {paths} and {seed}"
            )
        self.sampling = Sampling(
            guidance_scale,
            num_steps,
            time_grid=time_grid or Karras(),
            clamp=clamp,
            guidance=guidance or Interval(1, 30),
        )
        self.num_steps, self.paths, self.held_out, self.seed = num_steps, paths, held_out, seed
        self.folder = Path(folder).expanduser() if folder else None

    @property
    def guidance_scale(self) -> float:
        """Gamma of the teacher."""
        return self.sampling.guidance_scale

    def teacher(self, generator: Generator) -> Teacher:
        """The guided denoiser of ``generator``, as a teacher."""
        return Teacher(self.sampling.guide(generator.denoiser, generator.sde), generator.sde)

    def draw(self, generator: Generator, levels: Tensor, y: Tensor, seeds: list[int]) -> Tensor:
        """States ``(B, K + 1, 1, F, L)`` of paths to labels ``y`` ``(B,)``: at K times ``levels`` and at the end."""
        noise = PerSampleNoise(seeds, generator.front_end.shape, y.device).draw()
        return self.teacher(generator).trajectory(noise, y, levels, self.num_steps, self.sampling.time_grid)


class StoredPaths:
    """Paths of a teacher on disk, drawn when they are missing; what they depend on names their folder.

    Args:
        teaching: how they are drawn.
        generator: the teacher.
        levels: times ``(K,)`` of the states that are kept, float64.
        labels: digits that are asked for in turn.
        held_out: which part: that of validation, or that of training.
    """

    def __init__(self, teaching: Teaching, generator: Generator, levels: Tensor, labels: list[int]) -> None:
        self.teaching, self.generator, self.levels, self.labels = teaching, generator, levels, labels
        self.folder = (teaching.folder or default_cache_dir() / "paths") / self._key()
        self._states: Tensor | None = None

    def prepare(self, rank: int = 0, world_size: int = 1) -> None:
        """Draw the chunks of this process that are not on disk; each is whole or not there.

        Raises:
            InputError: the folder cannot be written.
        """
        missing = [i for i in range(rank, self._chunks, world_size) if not self._file(i).is_file()]
        bar = tqdm(missing, desc="paths of the teacher", unit="chunk", disable=rank > 0 or not missing)
        for i in bar:
            states = self._draw(i)
            try:
                with new_file(self._file(i)) as temporary, open(temporary, "wb") as file:
                    np.save(file, states.half().cpu().numpy())
            except OSError as error:
                raise InputError(
                    f"cannot keep the teacher's paths in {str(self.folder)!r} ({error.strerror}): set "
                    "model.init_args.teaching.folder to a folder with space"
                ) from error

    def batch(self, rows: Tensor, held_out: bool = False) -> tuple[Tensor, Tensor]:
        """States ``(B, K + 1, 1, F, L)`` in float32 and labels ``(B,)`` of some paths, on the device of ``rows``.

        Args:
            rows: ``(B,)`` any whole numbers of at least 0; they are counted round and round.
            held_out: whether those kept for validation are taken.
        """
        if self._states is None:
            self.prepare()
            chunks = [np.load(self._file(i), allow_pickle=False) for i in range(self._chunks)]
            self._states = torch.from_numpy(np.concatenate(chunks)[: self.teaching.paths])
        kept = self.teaching.held_out
        places = rows.cpu() % kept if held_out else kept + rows.cpu() % (self.teaching.paths - kept)
        labels = torch.tensor(self.labels)[places % len(self.labels)]
        return self._states[places].to(rows.device, torch.float32), labels.to(rows.device)

    def _draw(self, chunk: int) -> Tensor:
        places = torch.arange(chunk * CHUNK, min((chunk + 1) * CHUNK, self.teaching.paths))
        y = torch.tensor(self.labels)[places % len(self.labels)].to(self.generator.device)
        return self.teaching.draw(self.generator, self.levels, y, (self.teaching.seed + places).tolist())

    @property
    def _chunks(self) -> int:
        return -(-self.teaching.paths // CHUNK)

    def _file(self, chunk: int) -> Path:
        first = chunk * CHUNK
        return self.folder / f"{first}-{min(first + CHUNK, self.teaching.paths) - 1}.npy"

    def _key(self) -> str:
        sampling = self.teaching.sampling
        parts: dict[str, Any] = {
            "teacher": fingerprint(self.generator.state_dict()),
            "gamma": [sampling.guidance_scale, sampling.guidance_name(self.generator.denoiser), sampling.clamp],
            "grid": [type(sampling.time_grid).__name__, str(vars(sampling.time_grid)), self.teaching.num_steps],
            "levels": [round(level, 9) for level in self.levels.tolist()],
            "labels": self.labels,
            "seed": self.teaching.seed,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]
