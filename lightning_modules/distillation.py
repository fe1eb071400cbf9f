"""A student is distilled from a guided teacher, to speak in one evaluation or a few."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.audio import MelAugmentation
from lightning_modules.bases.generator import Generator
from lightning_modules.bases.subnet_on_taps import Signals, SubnetOf, signals_title, subnet_on_taps
from lightning_modules.bases.teachers import describe_teacher, open_teacher, starting_weights
from lightning_modules.bases.teaching import StoredPaths, Teaching
from lightning_modules.bases.two_optimizers import check_two_optimizers, listed, step, uncounted
from lightning_modules.diffusion import Denoiser, Parameterization, Sampling
from lightning_modules.diffusion.distillation import Adversarial, Curriculum, EndpointRegression, Lesson, Method, Room
from lightning_modules.diffusion.samplers import FewStep, NoiseLevels
from lightning_modules.errors import InputError
from lightning_modules.networks import Critic, ScoreSubnet, Tap, TappedClassifier
from lightning_modules.optimization import Optimization


class DistillationModule(Generator):
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

    denoiser: Denoiser

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
        super().__init__(parameterization, None, optimization, label_dropout=0.1)
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.methods, self.curriculum = methods or [EndpointRegression()], curriculum or Curriculum()
        self.teaching, self.gradient_clip = teaching or Teaching(), gradient_clip
        self.augmentation, self.critic_optimization = augmentation, critic_optimization or Optimization()
        self.adversarial = next((method for method in self.methods if isinstance(method, Adversarial)), None)
        self._keep_teacher(None if isinstance(teacher, dict) else open_teacher(teacher))
        self._describe_teacher(teacher, classifier)
        self._build_student(taps, signals, subnet, network, from_teacher)
        self._add_critic(critic, critic_taps or taps)
        self.sampling = self.default_sampling
        self._paths: StoredPaths | None = None

    # Building

    def _keep_teacher(self, teacher: Generator | None) -> None:
        object.__setattr__(self, "_teacher", teacher)  # not a submodule: neither trained, averaged nor saved

    def _describe_teacher(self, teacher: str | dict, classifier: dict | None) -> None:
        if self._teacher is not None:
            backbone = self.add_classifier(self._teacher.classifier.description)
            backbone.network.load_state_dict(self._teacher.classifier.network.state_dict())
            self.hparams["teacher"] = describe_teacher(self._teacher, str(teacher))
        elif classifier is None:
            raise InputError("a description of a teacher needs that of its classifier: give the teacher's path or name")
        else:
            backbone = self.add_classifier(classifier)
        self.front_end, self.sde = backbone.front_end, backbone.sde

    def _build_student(
        self, taps: list[str | Tap] | None, signals: Signals, subnet: SubnetOf, network: nn.Module | None, start: bool
    ) -> None:
        assert self.classifier is not None
        if network is not None:
            tapped = TappedClassifier(self.classifier.network, self.classifier.scaling)
            self.denoiser = Denoiser(network, self.classifier.scaling, self.parameterization, tapped)
        elif not taps:
            raise InputError("a Score Subnet as student needs taps: set model.init_args.taps, or network for a U-Net")
        else:
            self.denoiser = subnet_on_taps(self.classifier, taps, signals, subnet, self.parameterization)
        self.network = self.denoiser.network
        if not (self.denoiser.conditional or self.denoiser.follows_labels):
            raise InputError("a student must be told the digit: set num_classes of its network to 10, or signals label")
        self.denoiser.follows_labels = True
        if self._teacher is not None and start:
            starting_weights(self.network, self._teacher.network)

    def _add_critic(self, critic: Callable[[list[Any]], Critic], taps: Sequence[str | Tap] | None) -> None:
        self.critic: Critic | None = None
        if self.adversarial is None:
            return
        assert self.classifier is not None
        names = [tap if isinstance(tap, str) else tap.module for tap in taps or ["stem", "stages.*.*"]]
        try:
            scaling = self.classifier.scaling
            tapped = TappedClassifier(self.classifier.network, scaling, [Tap(name, gradient=False) for name in names])
            self.critic = critic(tapped.discover(self.front_end.shape))
        except ValueError as error:
            raise InputError(f"the critic cannot read the classifier: {error}") from error
        object.__setattr__(self, "_critic_taps", tapped)  # the classifier's own weights, saved with it

    # Training

    def check_trainer(self, trainer: Any) -> None:
        check_two_optimizers(trainer, "a student")
        if trainer.max_epochs == -1 and trainer.max_steps == -1:
            raise InputError("methods change over the training, this one has no end: set trainer.max_steps")

    def on_fit_start(self) -> None:
        self._room()
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

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Distance to ends of the teacher's paths that are not trained on, at each number of evaluations."""
        if not self.teaching.paths:
            return
        stored = self._stored()
        stored.prepare()
        states, y = stored.batch(batch.index, held_out=True)
        for count in self.curriculum.evaluations:
            place = (count, 0) if count == 1 else (count, count - 1)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(batch_idx)
                lesson = self.curriculum.lesson(self.denoiser, self.sde, states, y, place=place)
            distance = EndpointRegression()(lesson, self.denoiser(lesson.x_t, lesson.now.t, lesson.y), self._room())
            name = "val/loss" if count == self.curriculum.evaluations[0] else f"val/loss/{count}_evaluations"
            self.log(name, distance.mean(), prog_bar=True, sync_dist=True, on_epoch=True, batch_size=len(y))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing: a student is tested by its samples, ``--scoring.evaluator``."""

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
        self._room()
        return self.teaching.draw(self._teacher, self.curriculum.times(self.sde), y, rows.tolist()), y

    def _stored(self) -> StoredPaths:
        if self._paths is None:
            self._room()
            self._paths = StoredPaths(self.teaching, self._teacher, self.curriculum.times(self.sde), self.labels)
        return self._paths

    def _room(self) -> Room:
        """What methods ask; the teacher is opened again where a run goes on from its description."""
        if self._teacher is None:
            self._keep_teacher(open_teacher(self.hparams["teacher"]["source"], self.hparams["teacher"]["fingerprint"]))
        self._teacher.to(self.device)
        return Room(self.sde, self.teaching.teacher(self._teacher), None if self.critic is None else self._criticise)

    def _criticise(self, x_t: Tensor, t: Tensor, y: Tensor) -> list[Tensor]:
        assert self.critic is not None
        logits: list[Tensor] = self.critic(self._critic_taps.features(x_t, t), y)
        return logits

    # Drawing

    @property
    def default_sampling(self) -> Sampling:
        curriculum = self.curriculum
        return Sampling(0.0, curriculum.evaluations[0], FewStep(curriculum.renew), NoiseLevels(curriculum.grid.levels))

    def guided_labels(self, sampling: Sampling | None = None) -> list[int]:
        return [label for label in super().guided_labels(sampling) if label in self.labels]

    def check_guidance(self, labels: list[int], sampling: Sampling) -> None:
        if not labels or min(labels) < 0:
            raise InputError(
                "a student draws the digit that it is asked for and knows no sample without one: give labels"
            )
        if sampling.guidance_by == "classifier_free":
            raise InputError("a student has learned guidance and cannot guide itself: leave guidance_by out")
        super().check_guidance(labels, sampling)

    def parts(self, guided: bool) -> list[nn.Module]:
        reads = guided or isinstance(self.network, ScoreSubnet)
        return [self.network, self.classifier] if reads and self.classifier is not None else [self.network]

    def metadata(self) -> dict[str, Any]:
        facts = {
            **{name: self.hparams["teacher"][name] for name in ("source", "fingerprint")},
            "guidance_scale": self.teaching.guidance_scale,
            "methods": [type(method).__name__ for method in self.methods],
            "levels": self.curriculum.grid.levels,
            "evaluations": self.curriculum.evaluations,
        }
        return {**super().metadata(), "student": facts, "sampling": self._plain_sampling()}

    def _plain_sampling(self) -> dict[str, Any]:
        """Settings of drawing by default, as a config file gives them."""
        own, place = self.default_sampling, "lightning_modules.diffusion.samplers"
        levels = {"levels": self.curriculum.grid.levels}
        return {
            "guidance_scale": own.guidance_scale,
            "num_steps": own.num_steps,
            "sampler": {"class_path": f"{place}.FewStep", "init_args": {"renew": self.curriculum.renew}},
            "time_grid": {"class_path": f"{place}.NoiseLevels", "init_args": levels},
        }

    @property
    def title(self) -> str:
        kind = "U-Net" if not isinstance(self.network, ScoreSubnet) else f"Score Subnet{signals_title(self.denoiser)}"
        labels = " + labels" if self.denoiser.conditional else ""
        return f"{kind}{labels}, distilled at γ = {self.teaching.guidance_scale:g}"
