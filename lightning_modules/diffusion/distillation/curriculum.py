"""The curriculum: at which noise levels a student learns, and from which states."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from lightning_modules.diffusion.distillation.method import Lesson
from lightning_modules.diffusion.losses import TrainableDenoiser
from lightning_modules.diffusion.samplers.few_step import jump
from lightning_modules.diffusion.samplers.grid_points import GridPoint, grid_points
from lightning_modules.diffusion.samplers.time_grid import NoiseLevels
from lightning_modules.diffusion.sde import VPSDE


class Curriculum:
    """Draws the lessons of a student that will be used with some numbers of evaluations.

    A batch is of one noise level: of one evaluation among those of one number, both at random. The first evaluation
    starts from noise. Later ones start from what the student will meet there, its own earlier output noised again; from
    recordings noised anew; and, for the rest, from states of the teacher's path.

    Args:
        levels: noise levels of the student's evaluations, decreasing; default those of
            :class:`~lightning_modules.diffusion.samplers.NoiseLevels`.
        evaluations: numbers of evaluations that are trained; the first is how the student draws by itself.
        shares: how often each of these is trained, in any unit; equally often by default.
        renew: share of the noise that is renewed between evaluations, in [0, 1]; see
            :class:`~lightning_modules.diffusion.samplers.FewStep`.
        own_share: share of a later level's states that are the student's own.
        recorded_share: share of them that are recordings noised anew.
        recorded_trust: weight of a recording as answer, where a teacher's endpoint has 1.
        fresh_share: share of the first states that are new noise, to which no answer is known: only a critic, and
            segments, teach there, so that the student does not learn the noise of the paths by heart.

    Raises:
        ValueError: a number of evaluations is impossible with these levels, or a share is out of range.
    """

    def __init__(
        self,
        levels: list[float] | None = None,
        evaluations: Sequence[int] = (1,),
        shares: list[float] | None = None,
        renew: float = 1.0,
        own_share: float = 0.5,
        recorded_share: float = 0.25,
        recorded_trust: float = 0.25,
        fresh_share: float = 0.0,
    ) -> None:
        self.grid, self.evaluations, self.renew = NoiseLevels(levels), list(evaluations), renew
        self.shares = [1.0] * len(self.evaluations) if shares is None else list(shares)
        if not self.evaluations or len(self.shares) != len(self.evaluations) or min(self.shares) < 0:
            raise ValueError(
                f"expected numbers of evaluations and a share of at least 0 for each, got {self.evaluations} and "
                f"{self.shares}"
            )
        for count in self.evaluations:
            self.grid.places(count)
        if not (0 <= renew <= 1 and min(own_share, recorded_share) >= 0 and own_share + recorded_share <= 1):
            raise ValueError(
                "renew, own_share, recorded_share and the sum of both shares must be in [0, 1], got "
                f"{renew}, {own_share} and {recorded_share}"
            )
        if recorded_trust < 0 or not 0 <= fresh_share < 1:
            raise ValueError(
                f"recorded_trust must be at least 0 and fresh_share in [0, 1), got {recorded_trust} and {fresh_share}"
            )
        self.fresh_share = fresh_share
        self.own_share, self.recorded_share, self.recorded_trust = own_share, recorded_share, recorded_trust

    def times(self, sde: VPSDE) -> Tensor:
        """All noise levels as decreasing times, without ``t_min``."""
        return self.grid(len(self.grid.levels), sde)[:-1]

    def lesson(
        self,
        denoiser: TrainableDenoiser,
        sde: VPSDE,
        states: Tensor,
        y: Tensor,
        recorded: Tensor | None = None,
        y_recorded: Tensor | None = None,
        place: tuple[int, int] | None = None,
    ) -> Lesson:
        """Draw a lesson from the global random state.

        Args:
            denoiser: the student.
            sde: diffusion process.
            states: ``(B, K + 1, 1, F, L)`` of the teacher's paths at all levels and at the end; or ``(B, 1, 1, F, L)``,
                noise alone, where no method asks for ends.
            y: ``(B,)`` labels of the paths.
            recorded: ``(B, 1, F, L)`` clean log-Mels, None for none.
            y_recorded: ``(B,)`` their labels.
            place: number of evaluations, and which of them; drawn where it is None.
        """
        count, k = place or self._place()
        points = grid_points(sde, self.grid(count, sde), states[:, 0])
        now, then = points[k], points[k + 1]
        known = states.shape[1] > 1
        x_t = states[:, self.grid.places(count)[k] if known else 0]
        trust = torch.full_like(now.t, float(known))
        lesson = Lesson(x_t, now, then, y, states[:, -1], trust, denoiser.loss_weight(now.t))
        if k == 0:
            return self._with_fresh_noise(lesson)
        own = round(self.own_share * len(y))
        others = round(self.recorded_share * len(y)) if known else len(y) - own
        if recorded is None or y_recorded is None:
            own, others = own if known else len(y), 0
        noise = states[:own, 0]
        x_t = torch.cat([self._own_state(denoiser, noise, y[:own], points[: k + 1]), x_t[own:]]) if own else x_t
        lesson = lesson._replace(x_t=x_t)
        if not others or recorded is None or y_recorded is None:
            return lesson
        return self._with_recordings(lesson, slice(own, own + others), recorded[:others], y_recorded[:others])

    def _with_fresh_noise(self, lesson: Lesson) -> Lesson:
        """The first lesson, where the last states are new noise without an answer."""
        fresh = round(self.fresh_share * len(lesson.y))
        if not fresh:
            return lesson
        x_t, trust = lesson.x_t.clone(), lesson.trust.clone()
        x_t[-fresh:], trust[-fresh:] = torch.randn_like(x_t[-fresh:]), 0.0
        return lesson._replace(x_t=x_t, trust=trust)

    def _with_recordings(self, lesson: Lesson, rows: slice, recorded: Tensor, y: Tensor) -> Lesson:
        """A later lesson, where the states of some ``rows`` are recordings noised anew."""
        x_t, endpoint, labels, trust = (each.clone() for each in (lesson.x_t, lesson.endpoint, lesson.y, lesson.trust))
        x_t[rows] = lesson.now.alpha_t * recorded + lesson.now.sigma_t * torch.randn_like(recorded)
        endpoint[rows], labels[rows], trust[rows] = recorded, y, self.recorded_trust
        return lesson._replace(x_t=x_t, endpoint=endpoint, y=labels, trust=trust)

    def _place(self) -> tuple[int, int]:
        count = self.evaluations[int(torch.multinomial(torch.tensor(self.shares), 1))]
        return count, int(torch.randint(count, ()))

    @torch.no_grad()
    def _own_state(self, denoiser: TrainableDenoiser, x_t: Tensor, y: Tensor, points: list[GridPoint]) -> Tensor:
        """State of the student's own path at the last of ``points``."""
        for now, then in pairwise(points):
            denoised = denoiser(x_t, now.t[: len(y)], y)
            x_t = jump(x_t, denoised, now, then, self.renew, torch.randn_like)
        return x_t
