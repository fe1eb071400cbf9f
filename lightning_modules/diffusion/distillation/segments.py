"""Segment distillation: the student makes one step where the teacher makes several."""

from torch import Tensor

from lightning_modules.diffusion.distillation.method import Lesson, Method, Room, Weight


class SegmentDistillation(Method):
    r"""Squared distance to the estimate with which one DDIM step ends where the teacher's sub-steps do.

    .. math:: \hat x = \frac{z - (\sigma_u / \sigma_t)\, x_t}{\alpha_u - \alpha_t \sigma_u / \sigma_t}, \qquad
              \ell = \min(\lambda(t), m)\, \frac1D \lVert \mathrm{denoised}(x_t, t, y) - \hat x \rVert^2

    z is where guided sub-steps from :math:`x_t` arrive at u, the student's next noise level. Progressive distillation
    (Salimans and Ho 2022, arXiv:2202.00512, Algorithm 2) over segments of fixed ends. Students of this method are drawn
    without fresh noise: ``renew`` 0.

    Args:
        weight: see :class:`Method`.
        sub_steps: guided evaluations of the teacher per segment.
        clip: largest magnitude of the target.
        largest_weight: m, bound of the DSM weight, which grows without bound as noise vanishes.
    """

    def __init__(
        self, weight: Weight = 1.0, sub_steps: int = 3, clip: float = 1.2, largest_weight: float = 50.0
    ) -> None:
        super().__init__(weight)
        if sub_steps < 1 or not clip > 0 or not largest_weight > 0:
            raise ValueError(
                "sub_steps must be at least 1, clip and largest_weight above 0, got "
                f"{sub_steps}, {clip} and {largest_weight}"
            )
        self.sub_steps, self.clip, self.largest_weight = sub_steps, clip, largest_weight

    def __call__(self, lesson: Lesson, denoised: Tensor, room: Room) -> Tensor:
        weight = lesson.loss_weight.clamp(max=self.largest_weight)
        return (weight * (denoised - self.target(lesson, room)).square()).flatten(1).mean(dim=1)

    def target(self, lesson: Lesson, room: Room) -> Tensor:
        """The estimate, shape of ``lesson.x_t``, that leads to the teacher's state in one step."""
        now, then = lesson.now, lesson.then
        arrived = room.teacher.solve(lesson.x_t, lesson.y, room.teacher.segment(now.t, then.t, self.sub_steps))
        keep = then.sigma_t / now.sigma_t
        target = (arrived - keep * lesson.x_t) / (then.alpha_t - keep * now.alpha_t)
        return target.clamp(-self.clip, self.clip)
