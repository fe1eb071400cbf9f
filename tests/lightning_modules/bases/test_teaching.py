"""Paths of a teacher on disk: drawn once, the same however they are shared out, and never mixed up."""

import numpy as np
import pytest
import torch

from lightning_modules import load_generator
from lightning_modules.bases import teaching as module
from lightning_modules.bases.teachers import open_teacher, starting_weights
from lightning_modules.bases.teaching import StoredPaths, Teaching
from lightning_modules.diffusion.samplers import NoiseLevels
from lightning_modules.errors import InputError


@pytest.fixture
def teacher(score_subnet):
    return load_generator(score_subnet)


@pytest.fixture
def stored(teacher, tmp_path, monkeypatch):
    """``stored(**settings)`` gives paths in chunks of four, of which there are ten."""
    monkeypatch.setattr(module, "CHUNK", 4)

    def make(labels=(3, 7), **settings):
        teaching = Teaching(**{"paths": 10, "held_out": 2, "num_steps": 2, "folder": str(tmp_path), **settings})
        return StoredPaths(teaching, teacher, NoiseLevels()(2, teacher.sde)[:-1], list(labels))

    return make


def test_paths_start_at_their_noise_and_end_where_the_guided_teacher_does(stored, teacher):
    paths = stored()
    paths.prepare()
    states, y = paths.batch(torch.arange(8))
    assert states.shape == (8, 3, 1, 80, 64) and states.dtype == torch.float32
    assert y.tolist() == [3, 7] * 4, "labels in turn, those held out left out"
    levels = NoiseLevels()(2, teacher.sde)[:-1]
    expected = paths.teaching.draw(teacher, levels, y[:2], [paths.teaching.seed + 2, paths.teaching.seed + 3])
    torch.testing.assert_close(states[:2], expected, rtol=2e-3, atol=2e-3)  # fp16 on disk
    unguided = Teaching(0.0, num_steps=2).draw(teacher, levels, y[:2], [paths.teaching.seed + 2] * 2)
    assert (expected[:1, -1] != unguided[:1, -1]).any()


def test_held_out_paths_are_never_trained_on(stored):
    paths = stored()
    paths.prepare()
    trained, held = paths.batch(torch.arange(100))[0], paths.batch(torch.arange(100), held_out=True)[0]
    ends = {tuple(row.flatten()[:9].tolist()) for row in trained[:, 0]}
    kept = {tuple(row.flatten()[:9].tolist()) for row in held[:, 0]}
    assert len(ends) == 8 and len(kept) == 2 and not ends & kept


def test_they_are_drawn_once_and_chunks_are_shared_out(stored, monkeypatch):
    paths = stored()
    paths.prepare(0, 2)
    assert len(list(paths.folder.iterdir())) == 2, "the first of two processes draws chunks 0 and 2"
    paths.prepare(1, 2)
    monkeypatch.setattr(Teaching, "draw", lambda *_: pytest.fail("drawn again"))
    again = stored()
    again.prepare()
    assert torch.equal(again.batch(torch.arange(8))[0], paths.batch(torch.arange(8))[0])


def test_an_interruption_leaves_whole_chunks(stored, monkeypatch):
    draw, count = Teaching.draw, []

    def stop(*args):
        if count:
            raise KeyboardInterrupt
        count.append(1)
        return draw(*args)

    monkeypatch.setattr(Teaching, "draw", stop)
    paths = stored()
    with pytest.raises(KeyboardInterrupt):
        paths.prepare()
    (chunk,) = paths.folder.iterdir()
    assert np.load(chunk).shape == (4, 3, 1, 80, 64)


@pytest.mark.parametrize("settings", [{"guidance_scale": 1.0}, {"num_steps": 3}, {"seed": 5}, {"clamp": None}])
def test_other_settings_are_other_paths(stored, settings):
    assert stored(**settings).folder != stored().folder


def test_other_labels_are_other_paths_and_more_paths_are_not(stored):
    assert stored(labels=(1, 2)).folder != stored().folder == stored(paths=20).folder


def test_a_folder_that_cannot_be_written(stored, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="teaching.folder"):
        stored(folder=str(tmp_path / "file")).prepare()


@pytest.mark.parametrize("settings", [{"num_steps": 0}, {"paths": -1}, {"held_out": 0}, {"paths": 5, "held_out": 5}])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match="at least"):
        Teaching(**settings)


def test_a_teacher_that_was_changed_since_is_refused(score_subnet):
    with pytest.raises(InputError, match="put the teacher back"):
        open_teacher(str(score_subnet), "0" * 64)


def test_weights_that_fit_are_taken(teacher):
    student = torch.nn.ModuleDict({"head": torch.nn.Linear(2, 2), "other": torch.nn.Linear(3, 1)})
    model = torch.nn.ModuleDict({"head": torch.nn.Linear(2, 2), "other": torch.nn.Linear(4, 1)})
    assert starting_weights(student, model) == ["head.weight", "head.bias", "other.bias"]
    assert torch.equal(student["head"].weight, model["head"].weight)
