"""The vocoder is trained on recordings: first by spectral losses, then also against discriminators."""

from typing import Any

import torch
from torch import Tensor

from lightning_modules.audio import LogMel, LongTermSpectrum, MelDegradation, MelDistance, MultiResolutionSTFT, Waveform
from lightning_modules.bases.corpus import CorpusModule
from lightning_modules.bases.two_optimizers import check_two_optimizers, listed, step, uncounted
from lightning_modules.errors import InputError
from lightning_modules.networks import ConvNeXtISTFT, Discriminators, MelToWaveform
from lightning_modules.networks.vocoders.discriminators import discriminator_loss, feature_loss, synthesiser_loss
from lightning_modules.optimization import Optimization


class VocoderModule(CorpusModule):
    """Trains a network from log-Mels to waveforms; ``NeuralVocoder`` reads its checkpoints.

    The corpus must have the front end ``Waveform``. Two optimisers are stepped by hand, so gradients are clipped here:
    ``trainer.gradient_clip_val`` must be null. A step is a batch: that of the discriminators' optimiser is not counted
    in addition. On several devices use ``--trainer.strategy ddp_find_unused_parameters_true``.

    Args:
        network: log-Mels to waveforms; its front end is the vocoder's.
        discriminators: networks of the second phase that tell real from synthetic; null trains on spectral losses only.
        adversarial_from: step at which the second phase begins.
        degradation: change of the training Mels that makes them like generated ones; null leaves them clean.
        mel_weight: weight of the log-Mel distance, in nats.
        stft_weight: weight of the multi-resolution STFT distance.
        long_term_weight: weight of the distance of long-term average spectra, against whistles; 0 leaves it out.
        adversarial_weight: weight of the adversarial loss.
        feature_weight: weight of feature matching.
        gradient_clip: largest norm of either gradient.
        stft_distance: the multi-resolution STFT distance and its resolutions.
        front_end: what the corpus stores; linked to the data's, samples only.
        optimization: optimiser and learning-rate schedule of the network.
        discriminator_optimization: the same of the discriminators; its one_cycle spans the second phase.
    """

    front_end: Waveform

    def __init__(
        self,
        network: MelToWaveform | None = None,
        discriminators: Discriminators | None = None,
        adversarial_from: int = 0,
        degradation: MelDegradation | None = None,
        mel_weight: float = 30.0,
        stft_weight: float = 5.0,
        long_term_weight: float = 0.0,
        adversarial_weight: float = 1.0,
        feature_weight: float = 10.0,
        gradient_clip: float = 10.0,
        stft_distance: MultiResolutionSTFT | None = None,
        front_end: Waveform | None = None,
        optimization: Optimization | None = None,
        discriminator_optimization: Optimization | None = None,
    ) -> None:
        super().__init__(optimization)
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.network = network or ConvNeXtISTFT()
        self.discriminators = discriminators
        self.adversarial_from, self.degradation = adversarial_from, degradation
        self.mel_weight, self.stft_weight, self.long_term_weight = mel_weight, stft_weight, long_term_weight
        self.adversarial_weight, self.feature_weight = adversarial_weight, feature_weight
        self.gradient_clip = gradient_clip
        self.front_end = front_end or Waveform()
        self.discriminator_optimization = discriminator_optimization or Optimization()
        self.mel: LogMel = self.network.front_end
        self.mel_distance = MelDistance(self.mel)
        self.stft_distance = stft_distance or MultiResolutionSTFT()
        self.long_term_spectrum = LongTermSpectrum()

    def check_trainer(self, trainer: Any) -> None:
        check_two_optimizers(trainer, "a vocoder")

    def check_data(self, datamodule: Any) -> None:
        super().check_data(datamodule)
        front_end = Waveform(self.mel.sample_rate, self.mel.num_samples)
        if differences := front_end.differences(self.front_end):
            raise InputError(
                f"the network's log-Mels and the corpus must share their clips, they differ in {'; '.join(differences)}"
            )
        if self.degradation is not None:
            self.degradation.prepare(self.mel)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Waveforms ``(B, N)`` of natural-log Mels ``(B, F, L)``."""
        return self.network(log_mel)[:, : self.mel.num_samples]

    def log_mel(self, waveform: Tensor) -> Tensor:
        """Natural-log Mels ``(B, F, L)`` of ``waveform`` ``(B, N)``."""
        with torch.autocast(waveform.device.type, enabled=False):
            return self.mel.to_log_mel(self.mel(waveform))

    def training_step(self, batch: Any, batch_idx: int) -> None:
        fake, mel, stft = self.spectral_losses(batch.x_0)
        adversarial = self.discriminators is not None and self.global_step >= self.adversarial_from
        if adversarial:
            self._train_discriminators(batch.x_0, fake.detach())
        loss = self.mel_weight * mel + self.stft_weight * stft
        if self.long_term_weight:
            long_term = self.long_term_spectrum(fake, batch.x_0)
            loss = loss + self.long_term_weight * long_term
            self.log("train/long_term", long_term)
        synthesiser = listed(self.optimizers())[0]
        self.toggle_optimizer(synthesiser)
        if adversarial:
            loss = loss + self._adversarial_loss(batch.x_0, fake)
        step(self, synthesiser, loss, self.gradient_clip)
        self.untoggle_optimizer(synthesiser)
        listed(self.lr_schedulers())[0].step()
        self.log_dict({"train/loss": loss, "train/mel": mel, "train/stft": stft}, prog_bar=True)

    def spectral_losses(self, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Synthesise recordings ``real`` ``(B, N)`` from their (degraded) Mels, and measure the mean distances.

        The distances are those to the recordings, also where the network reads degraded Mels.

        Returns:
            Waveforms ``(B, N)``, log-Mel distance and multi-resolution STFT distance.
        """
        log_mel = self.log_mel(real)
        fake = self(log_mel if self.degradation is None else self.degradation(log_mel))
        return fake, self.mel_distance(fake, log_mel).mean(), self.stft_distance(fake, real).mean()

    def _train_discriminators(self, real: Tensor, fake: Tensor) -> None:
        assert self.discriminators is not None
        optimizer = uncounted(listed(self.optimizers())[1])
        self.toggle_optimizer(optimizer)
        loss = discriminator_loss(self.discriminators(real), self.discriminators(fake))
        step(self, optimizer, loss, self.gradient_clip)
        self.untoggle_optimizer(optimizer)
        listed(self.lr_schedulers())[1].step()
        self.log("train/discriminator", loss)

    def _adversarial_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        assert self.discriminators is not None
        with torch.no_grad():
            of_real = self.discriminators(real)
        of_fake = self.discriminators(fake)
        adversarial, features = synthesiser_loss(of_fake), feature_loss(of_real, of_fake)
        self.log_dict({"train/adversarial": adversarial, "train/features": features})
        return self.adversarial_weight * adversarial + self.feature_weight * features

    def evaluate(self, stage: str, batch: Any) -> None:
        log_mel = self.log_mel(batch.x_0)
        waveform = self(log_mel)
        mel, stft = self.mel_distance(waveform, log_mel), self.stft_distance(waveform, batch.x_0)
        distances = {"mel": mel, "stft": stft, "loss": self.mel_weight * mel + self.stft_weight * stft}
        figures = {f"{stage}/{name}": distance.mean() for name, distance in distances.items()}
        self.log_dict(figures, prog_bar=True, sync_dist=True, on_epoch=True, batch_size=len(waveform))

    def configure_optimizers(self) -> Any:
        total = self.trainer.estimated_stepping_batches
        configured = [self.optimization.configure(self.network.parameters(), total, self._planned_steps)]
        if self.discriminators is not None:
            rest = max(2, total - self.adversarial_from)
            configured.append(self.discriminator_optimization.configure(self.discriminators.parameters(), rest))
        return tuple(configured)

    def cost_probe(self) -> Any:
        """A function of a batch size that synthesises one clip, for counting its cost."""
        shape = (self.mel.n_mels, self.mel.analysed_frames)
        return lambda batch_size: self(torch.zeros(batch_size, *shape, device=self.device))
