"""Training data for vocoders: log-Mels of recordings that a generator has partly drawn again."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_modules.audio import LogMel, MelDegradation
from lightning_modules.bases.generator import Generator
from lightning_modules.diffusion.samplers import DDIM, PerSampleNoise
from lightning_modules.errors import InputError
from lightning_modules.loading import load_generator
from lightning_modules.ranges import STEPS, check_ranges


class DiffusionDegradation(MelDegradation):
    """Noises some clips' log-Mels to a middle level and lets a generator remove the noise again.

    That is SDEdit (Meng et al. 2022, arXiv:2108.01073) on recordings: the result is aligned with the waveform, as a
    vocoder's training needs it, and has the texture of the generator's own samples. Vocoders of text-to-speech systems
    are fine-tuned on such Mels. Other clips go through :class:`MelDegradation`.

    Every batch draws one generator, without guidance, and one noise level (sigma over alpha, in units of the scaled
    log-Mel), uniform in its logarithm.

    Args:
        generators: checkpoints, run folders or names of shipped generators; read when training starts.
        generated: probability that a clip is drawn again.
        low: smallest noise level, above 0.
        high: largest noise level.
        num_steps: ancestral steps back, uniform in log-SNR.
        settings: those of :class:`MelDegradation`, for the other clips.
    """

    def __init__(
        self,
        generators: list[str],
        generated: float = 0.5,
        low: float = 0.1,
        high: float = 0.5,
        num_steps: int = 4,
        *settings: Any,
        **named_settings: Any,
    ) -> None:
        super().__init__(*settings, **named_settings)
        check_ranges(num_steps=(num_steps, STEPS), high=(high, "(0, 100000]"))
        if not generators or not 0.0 <= generated <= 1.0 or not 0.0 < low <= high:
            raise ValueError(
                "expected at least one generator, generated in [0, 1] and noise levels 0 < low <= high, got "
                f"{generators}, {generated}, {low} and {high}"
            )
        self.generators, self.generated = list(generators), generated
        self.low, self.high, self.num_steps = low, high, num_steps
        self._loaded: Sequence[Generator] = ()  # not submodules: they are not trained, averaged or saved

    def prepare(self, front_end: LogMel) -> None:
        """Load the generators; later calls do nothing.

        Raises:
            InputError: one cannot be used, or has another front end.
        """
        if self._loaded:
            return
        loaded = [load_generator(path).requires_grad_(False) for path in self.generators]
        for path, generator in zip(self.generators, loaded, strict=True):
            if differences := generator.front_end.differences(front_end):
                raise InputError(
                    f"the vocoder and the generator {path!r} must share one front end, they differ in "
                    f"{'; '.join(differences)}: give a generator of the vocoder's log-Mels"
                )
        self._loaded = tuple(loaded)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Degrade a copy of ``log_mel`` ``(B, F, 1 + N // hop_length)`` by the global random state."""
        chosen = torch.rand(len(log_mel), device=log_mel.device) < self.generated
        changed = super().forward(log_mel)
        if not self._loaded or not chosen.any():
            return changed
        generator = self._loaded[int(torch.randint(len(self._loaded), ()))].to(log_mel.device)
        level = self.low * (self.high / self.low) ** float(torch.rand(()))
        return changed.index_copy(
            0, chosen.nonzero()[:, 0], regenerate(generator, log_mel[chosen], level, self.num_steps)
        )


@torch.no_grad()
def regenerate(generator: Generator, log_mel: Tensor, noise_level: float, num_steps: int = 4) -> Tensor:
    """Noise log-Mels ``(B, F, 1 + N // hop_length)``, in nats, and draw them again without guidance.

    The generator, in evaluation mode, begins at ``noise_level``, sigma over alpha, and takes ``num_steps`` ancestral
    steps, uniform in log-SNR, to the process' smallest time.
    """
    fe, sde = generator.front_end, generator.sde
    with torch.autocast(log_mel.device.type, enabled=False):
        x_0 = fe.padded(log_mel.float())
        end = float(sde.log_snr(torch.tensor([sde.t_min])))
        start = min(-2.0 * float(torch.tensor(noise_level).log()), end)
        times = sde.time_of_log_snr(torch.linspace(start, end, num_steps + 1, device=x_0.device))
        noise = PerSampleNoise(torch.randint(2**31, (len(x_0),)).tolist(), fe.shape, x_0.device)
        x_t = sde.perturb(x_0, times[:1].expand(len(x_0)), noise.draw())
        drawn = DDIM(eta=1.0)(lambda x, t, y: generator.denoiser(x, t), sde, x_t, times, noise)
        return fe.to_log_mel(drawn.samples).to(log_mel)
