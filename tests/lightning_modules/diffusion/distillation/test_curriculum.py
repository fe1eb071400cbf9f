"""Which states a student learns from, and at which noise levels."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion.distillation import Curriculum


@pytest.fixture
def states(randn):
    return randn(8, 5, 1, 3, 2)


Y = torch.arange(8) % 3


def test_the_first_evaluation_starts_from_the_paths_noise(data, student, states):
    given = Curriculum().lesson(student(data), data.sde, states, Y, place=(1, 0))
    assert torch.equal(given.x_t, states[:, 0]) and torch.equal(given.endpoint, states[:, -1])
    assert (given.trust == 1).all() and torch.equal(given.y, Y)
    assert given.then.t[0].item() == pytest.approx(data.sde.t_min)


def test_later_evaluations_start_from_three_kinds_of_states(data, student, states, randn):
    """Half the student's own, a quarter recordings, a quarter the teacher's; recordings answer with less weight."""
    recorded, told = randn(8, 1, 3, 2), torch.full((8,), 2)
    given_to = student(lambda x_t, t, y: torch.full_like(x_t, 0.25))
    curriculum = Curriculum(evaluations=[1, 2, 4], renew=0.0)
    given = curriculum.lesson(given_to, data.sde, states, Y, recorded, told, place=(4, 2))
    times = curriculum.grid(4, data.sde)
    assert_close(torch.tensor(given_to.asked), times[:2], rtol=1e-6, atol=0, check_dtype=False)
    own, of_recordings, of_paths = given.x_t[:4], given.x_t[4:6], given.x_t[6:]
    keep = given.now.sigma_t / data.sde.marginal(times[:1])[1]
    first_alpha = data.sde.marginal(times[:1])[0]
    assert_close(own, given.now.alpha_t * 0.25 + keep * (states[:4, 0] - first_alpha * 0.25), rtol=1e-6, atol=1e-9)
    assert torch.equal(of_paths, states[6:, 2])
    assert torch.equal(given.endpoint, torch.cat([states[:4, -1], recorded[:2], states[6:, -1]]))
    assert given.trust.tolist() == [1, 1, 1, 1, 0.25, 0.25, 1, 1] and given.y.tolist() == [*Y[:4].tolist(), 2, 2, 0, 1]
    deviation = ((of_recordings - given.now.alpha_t * recorded[:2]) / given.now.sigma_t).std()
    assert 0.4 < deviation < 1.8


def test_fresh_noise_has_no_answer(data, student, states):
    curriculum = Curriculum(fresh_share=0.25)
    one, other = (curriculum.lesson(student(data), data.sde, states, Y, place=(1, 0)) for _ in range(2))
    assert torch.equal(one.x_t[:6], states[:6, 0]) and (one.x_t[6:] != other.x_t[6:]).all()
    assert one.trust.tolist() == [1.0] * 6 + [0.0] * 2


def test_renewed_noise_is_fresh(data, student, states):
    flat = Curriculum(evaluations=[2], own_share=1.0, recorded_share=0.0)
    known = student(lambda x_t, t, y: torch.zeros_like(x_t))
    one, other = (flat.lesson(known, data.sde, states.expand(8, 5, 1, 3, 2), Y, place=(2, 1)) for _ in range(2))
    assert (one.x_t != other.x_t).all()
    assert one.x_t.std() == pytest.approx(one.now.sigma_t, rel=0.35)


def test_without_paths_later_states_are_the_students_own_and_recordings(data, student, randn):
    noise, recorded = randn(8, 1, 1, 3, 2), randn(8, 1, 3, 2)
    given = Curriculum(evaluations=[2]).lesson(student(data), data.sde, noise, Y, recorded, Y, place=(2, 1))
    assert torch.equal(given.endpoint[4:], recorded[:4]) and given.trust[:4].sum() == 0
    first = Curriculum().lesson(student(data), data.sde, noise, Y, place=(1, 0))
    assert torch.equal(first.x_t, noise[:, 0]) and first.trust.sum() == 0


def test_places_are_drawn_by_their_shares(data, student, states):
    curriculum = Curriculum(evaluations=[1, 4], shares=[1.0, 3.0])
    torch.manual_seed(0)
    drawn = [curriculum._place() for _ in range(800)]
    assert {count for count, _ in drawn} == {1, 4} and {k for count, k in drawn if count == 4} == {0, 1, 2, 3}
    assert sum(count == 1 for count, _ in drawn) / 800 == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"evaluations": [5]}, "from 1 to 4"),
        ({"evaluations": []}, "numbers of evaluations"),
        ({"evaluations": [1, 2], "shares": [1.0]}, "a share"),
        ({"renew": 1.5}, "renew"),
        ({"own_share": 0.8, "recorded_share": 0.4}, "sum of both"),
        ({"recorded_trust": -1.0}, "recorded_trust"),
        ({"fresh_share": 1.0}, "fresh_share"),
        ({"levels": [1.0, 2.0]}, "decreasing noise levels"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(ValueError, match=words):
        Curriculum(**settings)
