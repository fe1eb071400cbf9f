"""The base of distilled students: how one is built on its teacher's classifier, described and drawn."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from lightning_modules.bases.generator import Generator
from lightning_modules.bases.subnet_on_taps import Signals, SubnetDenoiser, SubnetOf, signals_title, subnet_on_taps
from lightning_modules.bases.teachers import describe_teacher, open_teacher, starting_weights
from lightning_modules.diffusion import Denoiser, Parameterization, Sampling
from lightning_modules.diffusion.distillation import Curriculum
from lightning_modules.diffusion.samplers import FewStep, NoiseLevels
from lightning_modules.errors import InputError
from lightning_modules.networks import ScoreSubnet, Tap, TappedClassifier
from lightning_modules.optimization import Optimization


class Student(Generator):
    """A generator that was made to draw in one evaluation, or a few, without guidance; not used by itself.

    A subclass calls :meth:`build_on_teacher` in its constructor, after ``save_hyperparameters``.

    Attributes:
        curriculum: noise levels and numbers of evaluations.
        teacher_scale: gamma of the teacher.
    """

    curriculum: Curriculum
    teacher_scale: float

    def __init__(self, parameterization: Parameterization | None, optimization: Optimization | None) -> None:
        super().__init__(parameterization, None, optimization, label_dropout=0.1)
        self._keep_teacher(None)

    def build_on_teacher(
        self,
        teacher: str | dict,
        classifier: dict | None,
        taps: Sequence[str | Tap] | None,
        signals: Signals,
        subnet: SubnetOf,
        network: nn.Module | None,
        from_teacher: bool,
    ) -> None:
        """Build the student on the classifier of its teacher.

        Args:
            teacher: path or name of a generator, which is opened; or the description of one, which is not.
            classifier: description of the teacher's classifier, beside that of a teacher.
            taps: places that a Score Subnet reads.
            signals: what they deliver.
            subnet: the Score Subnet.
            network: a network of another kind in its place.
            from_teacher: whether weights start from those of the teacher that fit.

        Raises:
            InputError: the teacher cannot be read or has no classifier, or the student is not told the digit.
        """
        if isinstance(teacher, str):
            opened = open_teacher(teacher)
            assert opened.classifier is not None
            self._keep_teacher(opened)
            backbone = self.add_classifier(opened.classifier.description)
            backbone.network.load_state_dict(opened.classifier.network.state_dict())
            self.hparams["teacher"] = describe_teacher(opened, teacher)
        elif classifier is None:
            raise InputError("a description of a teacher needs that of its classifier: give the teacher's path or name")
        else:
            backbone = self.add_classifier(classifier)
        self.front_end, self.sde = backbone.front_end, backbone.sde
        if network is not None:
            tapped = TappedClassifier(backbone.network, backbone.scaling)
            self.denoiser = Denoiser(network, backbone.scaling, self.parameterization, tapped)
        elif not taps:
            raise InputError("a Score Subnet as student needs taps: set model.init_args.taps, or network for a U-Net")
        else:
            self.denoiser = subnet_on_taps(backbone, taps, signals, subnet, self.parameterization)
        self.network = self.denoiser.network
        if not (self.denoiser.conditional or self.denoiser.follows_labels):
            raise InputError("a student must be told the digit: set num_classes of its network to 10, or signals label")
        self.denoiser.follows_labels = True
        if self._teacher is not None and from_teacher:
            starting_weights(self.network, self._teacher.network)

    def teacher(self) -> Generator:
        """The teacher, on this module's device; opened again where a run goes on from its description.

        Raises:
            InputError: it is not where it was, or was changed.
        """
        if self._teacher is None:
            self._keep_teacher(open_teacher(self.hparams["teacher"]["source"], self.hparams["teacher"]["fingerprint"]))
        assert self._teacher is not None
        return self._teacher.to(self.device)

    def _keep_teacher(self, teacher: Generator | None) -> None:
        self._teacher: Generator | None
        object.__setattr__(self, "_teacher", teacher)  # not a submodule: neither trained, averaged nor saved

    @property
    def default_sampling(self) -> Sampling:
        grid = NoiseLevels(self.curriculum.grid.levels)
        return Sampling(0.0, self.curriculum.evaluations[0], FewStep(self.curriculum.renew), grid)

    def guided_labels(self, sampling: Sampling | None = None) -> list[int]:
        return [label for label in super().guided_labels(sampling) if label in self.labels]

    def check_guidance(self, labels: list[int], sampling: Sampling) -> None:
        if not labels or min(labels) < 0:
            raise InputError("a student draws the digit that it is asked for, and nothing without one: give labels")
        if sampling.guidance_by == "classifier_free":
            raise InputError("a student has learned guidance and cannot guide itself: leave guidance_by out")
        super().check_guidance(labels, sampling)

    def parts(self, guided: bool) -> list[nn.Module]:
        reads = guided or isinstance(self.network, ScoreSubnet)
        return [self.network, self.classifier] if reads and self.classifier is not None else [self.network]

    def metadata(self) -> dict[str, Any]:
        """Adds teacher, gamma, levels and settings of drawing, as a config file gives them, to the facts."""
        teacher, place = self.hparams["teacher"], "lightning_modules.diffusion.samplers"
        facts = {
            **{name: teacher[name] for name in ("source", "fingerprint")},
            "guidance_scale": self.teacher_scale,
            "levels": self.curriculum.grid.levels,
            "evaluations": self.curriculum.evaluations,
        }
        sampling = {
            "guidance_scale": 0.0,
            "num_steps": self.curriculum.evaluations[0],
            "sampler": {"class_path": f"{place}.FewStep", "init_args": {"renew": self.curriculum.renew}},
            "time_grid": {"class_path": f"{place}.NoiseLevels", "init_args": {"levels": self.curriculum.grid.levels}},
        }
        return {**super().metadata(), "student": facts, "sampling": sampling}

    @property
    def title(self) -> str:
        on_taps = isinstance(self.denoiser, SubnetDenoiser)
        kind = f"Score Subnet{signals_title(self.denoiser)}" if on_taps else "U-Net"
        labels = " + labels" if self.denoiser.conditional else ""
        return f"{kind}{labels}, distilled at γ = {self.teacher_scale:g}"
