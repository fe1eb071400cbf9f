"""A student is distilled from a guided teacher, to speak in one evaluation or a few."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.audio import MelAugmentation
from lightning_modules.bases.student import Student
from lightning_modules.bases.subnet_on_taps import Signals, SubnetOf
from lightning_modules.bases.teaching import StoredPaths, Teaching
from lightning_modules.bases.two_optimizers import check_two_optimizers, listed, step, uncounted
from lightning_modules.diffusion import Parameterization
from lightning_modules.diffusion.distillation import Adversarial, Curriculum, EndpointRegression, Lesson, Method, Room
from lightning_modules.diffusion.distillation.method import check_methods
from lightning_modules.errors import InputError
from lightning_modules.networks import Critic, ScoreSubnet, Tap, TappedClassifier
from lightning_modules.optimization import Optimization


class DistillationModule(Student):
    """Trains a student, which is a generator itself, on what a frozen teacher draws; its checkpoint holds the student.

    The student is told the digit: a Score Subnet by an embedding (``num_classes``), by label taps, or both; a U-Net by
    an embedding. Its backbone, process and front end are those of the teacher's classifier. Guidance is learned, not
    computed: the student is drawn at gamma 0. Two optimisers are stepped by hand, so gradients are clipped here:
    ``trainer.gradient_clip_val`` must be null. On several devices use
    ``--trainer.strategy ddp_find_unused_parameters_true``.

    Args:
        teacher: path or name of a generator with a classifier; checkpoints of this module store its description.
        taps: submodules of the classifier that a Score Subnet student reads; ignored where ``network`` is given.
        signals: what a tap delivers that is given by its name only; features alone need no backward pass at drawing.
        subnet: the Score Subnet student; called with the taps' shapes and the output shape.
        network: a student of another kind, from scaled input and labels, such as a U-Net; null for a Score Subnet.
        methods: how it is taught, with weights; default endpoint regression.
        curriculum: noise levels and numbers of evaluations.
        teaching: how the teacher draws what is learned.
        from_teacher: whether weights start from the teacher's where names and shapes agree.
        critic: heads of the critic, where a method is adversarial; called with the shapes of the taps it reads.
        critic_taps: places of the classifier that the critic reads; null for the student's, and all places of the
            classifier's blocks with a U-Net.
        augmentation: change of the recordings that the critic sees, so that it cannot learn them by heart.
        parameterization: what the student's output means; default preconditioned.
        optimization: optimiser and learning-rate schedule of the student.
        critic_optimization: the same of the critic.
        gradient_clip: largest norm of either gradient.
        classifier: written by checkpoints: description of the teacher's classifier. Leave it out.

    Raises:
        InputError: the teacher cannot be read or has no classifier, or the student is not told the digit.
    """

    def __init__(
        self,
        teacher: str | dict,
        taps: list[str | Tap] | None = None,
        signals: Signals = "feature",
        subnet: SubnetOf = ScoreSubnet,
        network: nn.Module | None = None,
        methods: list[Method] | None = None,
        curriculum: Curriculum | None = None,
        teaching: Teaching | None = None,
        from_teacher: bool = True,
        critic: Callable[[list[Any]], Critic] = Critic,
        critic_taps: list[str] | None = None,
        augmentation: MelAugmentation | None = None,
        parameterization: Parameterization | None = None,
        optimization: Optimization | None = None,
        critic_optimization: Optimization | None = None,
        gradient_clip: float = 1.0,
        classifier: dict | None = None,
    ) -> None:
        super().__init__(parameterization, optimization)
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.methods, self.curriculum = methods or [EndpointRegression()], curriculum or Curriculum()
        check_methods(self.methods)
        self.teaching, self.gradient_clip = teaching or Teaching(), gradient_clip
        self.augmentation, self.critic_optimization = augmentation, critic_optimization or Optimization()
        self.teacher_scale = self.teaching.guidance_scale
        self.adversarial = next((method for method in self.methods if isinstance(method, Adversarial)), None)
        self.build_on_teacher(teacher, classifier, taps, signals, subnet, network, from_teacher)
        self.critic: Critic | None = None
        if self.adversarial is not None:
            self._add_critic(critic, critic_taps or taps or ["stem", "stages.*.*"])
        self.sampling = self.default_sampling
        self._paths: StoredPaths | None = None

    def _add_critic(self, critic: Callable[[list[Any]], Critic], taps: Sequence[str | Tap]) -> None:
        assert self.classifier is not None
        chosen = [Tap(tap if isinstance(tap, str) else tap.module, gradient=False) for tap in taps]
        try:
            tapped = TappedClassifier(self.classifier.network, self.classifier.scaling, chosen)
            self.critic = critic(tapped.discover(self.front_end.shape))
        except ValueError as error:
            raise InputError(f"the critic cannot read the classifier: {error}") from error
        object.__setattr__(self, "_critic_taps", tapped)  # the classifier's own weights, saved with it

    def check_trainer(self, trainer: Any) -> None:
        check_two_optimizers(trainer, "a student")
        if trainer.max_epochs == -1 and trainer.max_steps == -1:
            raise InputError("methods change over the training, this one has no end: set trainer.max_steps")

    def on_fit_start(self) -> None:
        self.teacher().check_guidance(self.labels, self.teaching.sampling)
        if self.teaching.paths:
            self._stored().prepare(self.global_rank, self.trainer.world_size)
            self.trainer.strategy.barrier("paths")

    def training_step(self, batch: Any, batch_idx: int) -> None:
        share = self.global_step / self.trainer.estimated_stepping_batches
        weights = [(method, weight) for method in self.methods if (weight := method.weight_at(share)) > 0]
        room, lesson = self._room(), self._lesson(batch)
        denoised = self.denoiser(lesson.x_t, lesson.now.t, lesson.y)
        if self.adversarial is not None and self.adversarial.weight_at(share) > 0:
            self._train_critic(room, batch, lesson.y, denoised)
        student = listed(self.optimizers())[0]
        self.toggle_optimizer(student)
        losses = {type(method).__name__: method(lesson, denoised, room) for method, _ in weights}
        loss = torch.stack([weight * losses[type(method).__name__] for method, weight in weights]).sum(dim=0)
        self.last_step = {"loss": loss.detach(), "t": lesson.now.t, "index": batch.index}
        step(self, student, loss.mean(), self.gradient_clip)
        self.untoggle_optimizer(student)
        listed(self.lr_schedulers())[0].step()
        self.log("train/loss", loss.mean(), prog_bar=True)
        self.log_dict({f"train/{name}": value.mean() for name, value in losses.items()})

    def _train_critic(self, room: Room, batch: Any, y: Tensor, denoised: Tensor) -> None:
        assert self.adversarial is not None
        optimizer = uncounted(listed(self.optimizers())[1])
        self.toggle_optimizer(optimizer)
        real = batch.x_0 if self.augmentation is None else self.augmentation(batch.x_0, self.front_end)
        loss = self.adversarial.critic_loss(room, real, batch.y, denoised, y)
        step(self, optimizer, loss, self.gradient_clip)
        self.untoggle_optimizer(optimizer)
        listed(self.lr_schedulers())[1].step()
        self.log("train/critic", loss)

    def evaluate(self, stage: str, batch: Any) -> None:
        """Log the distance to ends of paths that are not trained on, at each number of evaluations.

        A student is tested by its samples alone, with ``--scoring.evaluator``.
        """
        if stage == "test" or not self.teaching.paths:
            return
        states, y = self._stored().batch(batch.index, held_out=True)
        for count in self.curriculum.evaluations:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(batch.index[0]))
                lesson = self.curriculum.lesson(self.denoiser, self.sde, states, y, place=(count, count - 1))
            distance = EndpointRegression()(lesson, self.denoiser(lesson.x_t, lesson.now.t, lesson.y), self._room())
            name = "val/loss" if count == self.curriculum.evaluations[0] else f"val/loss/{count}_evaluations"
            self.log(name, distance.mean(), prog_bar=True, sync_dist=True, on_epoch=True, batch_size=len(y))

    def _log_tracked(self, stage: str) -> None:
        """Nothing: a student learns at its own noise levels alone."""

    def configure_optimizers(self) -> Any:
        total = self.trainer.estimated_stepping_batches
        configured = [self.optimization.configure(self.network.parameters(), total, self._planned_steps)]
        if self.critic is not None:
            configured.append(self.critic_optimization.configure(self.critic.parameters(), total))
        return tuple(configured)

    def _lesson(self, batch: Any) -> Lesson:
        count = len(batch.y)
        rows = torch.randint(2**31, (count,)).to(self.device)
        states, y = self._draw_paths(rows)
        return self.curriculum.lesson(self.denoiser, self.sde, states, y, batch.x_0, batch.y)

    def _draw_paths(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        if self.teaching.paths:
            return self._stored().batch(rows)
        y = torch.tensor(self.labels, device=self.device)[rows % len(self.labels)]
        if not any(isinstance(method, EndpointRegression) for method in self.methods):
            return torch.randn(len(y), 1, *self.front_end.shape, device=self.device), y  # noise alone
        return self.teaching.draw(self.teacher(), self.curriculum.times(self.sde), y, rows.tolist()), y

    def _stored(self) -> StoredPaths:
        if self._paths is None:
            self._paths = StoredPaths(self.teaching, self.teacher(), self.curriculum.times(self.sde), self.labels)
        return self._paths

    def _room(self) -> Room:
        critic = None if self.critic is None else self._criticise
        return Room(self.sde, self.teaching.teacher(self.teacher()), critic)

    def _criticise(self, x_t: Tensor, t: Tensor, y: Tensor) -> list[Tensor]:
        assert self.critic is not None
        logits: list[Tensor] = self.critic(self._critic_taps.features(x_t, t), y)
        return logits

    def metadata(self) -> dict[str, Any]:
        facts = super().metadata()
        facts["student"]["methods"] = [type(method).__name__ for method in self.methods]
        return facts
