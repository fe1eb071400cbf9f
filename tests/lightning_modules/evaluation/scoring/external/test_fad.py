"""FAD by the package's embeddings: of every clip, or a note.

Most tests run against a stand-in of the package with its documented interface. Where the package itself is installed,
its own ``score`` is the oracle, with a small network in place of VGGish, whose weights need a network connection.
"""

import importlib.util
import sys

import pytest
import torch

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.external import FolderWaveforms, FrechetAudioDistance, frechet_audio_distance
from lightning_modules.evaluation.scoring.folders import clip_batches
from lightning_modules.evaluation.scoring.references import list_splits
from lightning_modules.metrics import FeatureMoments, frechet_distance


@pytest.fixture(autouse=True)
def user_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "scoretap" / "references"


def statistics(batches, network):
    """Of the stand-in's embeddings before the ReLU."""
    moments = FeatureMoments(128)
    network.embeddings = network.embeddings[:-1]
    with torch.no_grad():
        for batch in batches:
            moments.update(torch.cat([network(wave.numpy(), 16000) for wave in batch]))
    return moments.compute()


def test_the_figure(package, vggish, clips, background):
    """Training clips only, each padded to a second, against all clips of the folder."""
    folder = clips(30, first=5)
    figures, notes = frechet_audio_distance(folder, background)
    train = list_splits(background, range(10))["train"]
    assert len(train) == 40
    batches = clip_batches(background, train, 16000, 16000)
    real = statistics((waveform for waveform, _ in batches), vggish())
    assert real.num_clips == 40
    expected = float(frechet_distance(statistics(FolderWaveforms(folder), vggish()), real))
    assert figures == {"fad": pytest.approx(expected, rel=1e-6)} and expected > 0
    assert notes == [
        "fad: of 30 clips, fewer than 2048, exploratory",
        "fad_error: expected at least 1024 clips, got 30",
    ]


@pytest.mark.parametrize("seconds", [0.2, 0.9, 1.5])
def test_every_clip_counts_as_a_second(seconds, package, clips, background):
    judge = FrechetAudioDistance(background)
    figures, _ = judge(FolderWaveforms(clips(5, seconds)))
    assert "fad" in figures and judge._published.asked == [16000] * 45


def test_error_is_the_scatter_of_disjoint_subsets(package, background):
    generator = torch.Generator().manual_seed(1)
    waves = 0.1 * torch.randn(1100, 16000, generator=generator)
    figures, notes = FrechetAudioDistance(background)(waves.split(100))
    assert 0 < figures["fad_error"] < figures["fad"]
    assert notes == ["fad: of 1100 clips, fewer than 2048, exploratory"]


def test_background_is_embedded_once(package, clips, background, user_cache):
    first = FrechetAudioDistance(background)
    found = [first(FolderWaveforms(clips(5))) for _ in range(2)]
    assert len(first._published.asked) == 40 + 2 * 5
    again = FrechetAudioDistance(background)
    assert again(FolderWaveforms(clips(5))) == found[0] == found[1]
    assert len(again._published.asked) == 5
    (path,) = user_cache.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    damaged = FrechetAudioDistance(background)
    with pytest.warns(UserWarning, match="is damaged"):
        assert damaged(FolderWaveforms(clips(5))) == found[0]
    few = FrechetAudioDistance(background, labels=[3, 4])
    few(FolderWaveforms(clips(5)))
    assert len(few._published.asked) < 40 and len(list(user_cache.iterdir())) == 2


def test_what_the_package_prints_is_a_note(package, clips, background, capsys):
    """It drops clips, or gives -1, and only prints why: the row goes on without the figure, the next has it again."""
    judge = FrechetAudioDistance(background)
    expected = judge(FolderWaveforms(clips(5)))
    network = judge._published.model.forward

    def fails(audio, rate):
        if len(judge._published.asked) > 50:
            raise RuntimeError("no memory")
        return network(audio, rate)

    judge._published.model.forward = fails
    figures, notes = judge(FolderWaveforms(clips(10, first=20)))
    assert figures == {} and len(notes) == 1 and notes[0].startswith("fad: RuntimeError: ")
    assert "(10, 128) of 10 clips, got (5, 128)" in notes[0] and "no memory" in notes[0]
    figures, notes = judge(FolderWaveforms(clips(10, first=20)))  # nothing at all comes back
    assert figures == {} and "no memory" in notes[0]
    judge._published.model.forward = network
    assert judge(FolderWaveforms(clips(5))) == expected and not capsys.readouterr().out


def test_one_clip_is_too_few(package, clips, background):
    figures, notes = frechet_audio_distance(clips(1), background)
    assert figures == {} and notes[0].startswith("fad: expected at least 2")


def test_a_damaged_clip_is_named(package, clips, background):
    folder = clips(3)
    path = folder / "1.wav"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="1.wav, found .* truncated"):
        frechet_audio_distance(folder, background)


def test_without_the_package(clips, background, monkeypatch):
    monkeypatch.setitem(sys.modules, "frechet_audio_distance", None)
    figures, (note,) = frechet_audio_distance(clips(2), background)
    assert figures == {} and note.startswith("fad: unavailable (") and note.endswith("pip install 'scoretap[fad]'")


@pytest.mark.parametrize("error", [OSError("no route\nto host"), EOFError("EOF"), AssertionError()])
def test_without_weights(error, package, clips, background, monkeypatch):
    """One attempt, one sentence for every row."""
    attempts = []

    def init(self, **kwargs):
        attempts.append(kwargs)
        raise error

    monkeypatch.setattr(package.FrechetAudioDistance, "__init__", init)
    judge = FrechetAudioDistance(background)
    first, second = judge(FolderWaveforms(clips(2))), judge(FolderWaveforms(clips(2)))
    assert first == second and len(attempts) == 1
    figures, (note,) = first
    assert figures == {} and "\n" not in note and note.startswith("fad: unavailable (")
    assert note.endswith("its weights are fetched when it is first used")


@pytest.mark.skipif(importlib.util.find_spec("frechet_audio_distance") is None, reason="scoretap[fad] is not installed")
def test_against_the_score_of_the_package_itself(vggish, clips, background, tmp_path, monkeypatch):
    """``frechet_audio_distance`` 0.3.4 with a small network in place of VGGish.

    It reads whole folders of audio files, so the background goes there as padded copies.
    """
    import soundfile

    monkeypatch.setattr(torch.hub, "load", lambda **kwargs: vggish())
    folder = clips(300, first=5)
    train = list_splits(background, range(10))["train"]
    batches = [waveform for waveform, _ in clip_batches(background, train, 16000, 16000)]
    for number, wave in enumerate(torch.cat(batches)):
        (tmp_path / "real").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "real" / f"{number}.wav", wave.numpy(), 16000, subtype="PCM_16")
    figures, _ = frechet_audio_distance(folder, background)
    (folder / "manifest.csv").unlink()
    from frechet_audio_distance import FrechetAudioDistance as Published

    expected = Published(model_name="vggish").score(str(tmp_path / "real"), str(folder))
    assert figures["fad"] == pytest.approx(expected, rel=1e-3) and expected > 0
    assert "laion_clap" not in sys.modules
