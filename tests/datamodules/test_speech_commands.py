"""Features are computed once, found again and rebuilt when damaged; loaders give every clip."""

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile as sf
import torch
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler

from datamodules import SpeechCommandsDataModule, loaders
from datamodules.audio_files import ClipReader
from lightning_modules.audio import LogMel, Waveform
from lightning_modules.errors import InputError


@pytest.fixture
def make(tone_root, tmp_path):
    """Makes a data module over the tones; its ``reads`` counts the clips that were read from audio."""

    def build(**settings):
        settings = {"labels": [0, 3, 7], "cache_dir": str(tmp_path / "cache"), **settings}
        return SpeechCommandsDataModule(str(tone_root), **settings)

    return build


@pytest.fixture
def reads(monkeypatch):
    paths, read = [], ClipReader.read
    monkeypatch.setattr(ClipReader, "read", lambda self, root, path: paths.append(path) or read(self, root, path))
    return paths


def test_rows_are_the_front_end_of_the_dithered_clip(make, tone_root):
    data = make()
    data.prepare_data()
    split = data.split("val")
    for index in (0, 5, 11):
        clip = ClipReader(16000, 16000, 3e-4, 0).read(tone_root, split.paths[index])
        torch.testing.assert_close(split.features(index), LogMel()(clip[None])[0], atol=1e-5, rtol=0)
    assert split.labels.tolist() == [7] * 4 + [3] * 4 + [0] * 4 and split.labels.dtype == np.int64


def test_an_epoch_reads_no_audio(make, tone_root):
    data = make(batch_size=5)
    data.prepare_data()
    data.setup()
    shutil.rmtree(tone_root)
    assert sum(len(batch.y) for batch in data.train_dataloader()) == 10  # 12 clips, two full batches
    assert sum(len(batch.y) for batch in data.test_dataloader()) == 12


def test_cache_is_found_again_by_settings_and_corpus(make, tone_root, reads):
    make().prepare_data()
    assert len(reads) == 36
    make(labels=[3], fraction=0.5).prepare_data()
    assert len(reads) == 36
    make(front_end=LogMel(log_max=3.0)).prepare_data()
    make(dither=1e-3).prepare_data()
    make(seed=1).prepare_data()
    assert len(reads) == 36 * 4
    victim = tone_root / "three/00000000_nohash_0.wav"  # a test clip: the other splits stay as they are
    sf.write(str(victim), 0.1 * np.ones(16000), 16000, subtype="PCM_16")
    make().prepare_data()
    assert len(reads) == 36 * 4 + 12


def cut(array, manifest):
    array.write_bytes(array.read_bytes()[:-100])


def lengthen(array, manifest):
    array.write_bytes(array.read_bytes() + b"x")


def scramble(array, manifest):
    array.write_bytes(b"nonsense" * 100)


def other_shape(array, manifest):
    np.save(array, np.zeros((3, 2), np.float32))


def no_manifest(array, manifest):
    manifest.unlink()


def bad_manifest(array, manifest):
    manifest.write_text("{")


def no_array(array, manifest):
    array.unlink()


@pytest.mark.parametrize("damage", [cut, lengthen, scramble, other_shape, no_manifest, bad_manifest, no_array])
def test_damaged_cache_is_rebuilt(make, tmp_path, reads, damage):
    make().prepare_data()
    expected = make().split("train").features(slice(None))
    (array,) = (tmp_path / "cache").glob("train-*.npy")
    damage(array, array.with_suffix(".json"))
    with pytest.warns(UserWarning, match=array.name):
        again = make().split("train").features(slice(None))
    assert torch.equal(again, expected) and len(reads) == 36 + 12
    assert not [path for path in (tmp_path / "cache").iterdir() if path.name.startswith(".")]


def test_builders_at_once_leave_one_whole_cache(make, tmp_path):
    expected = make().split("train").features(slice(None))
    shutil.rmtree(tmp_path / "cache")
    builders = [make() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        splits = list(pool.map(lambda data: data.split("train").features(slice(None)), builders))
    assert all(torch.equal(features, expected) for features in splits)
    assert len(list((tmp_path / "cache").glob("*.*"))) == 2


def test_interrupted_build_leaves_nothing(make, tmp_path, tone_root):
    (tone_root / "zero/00000005_nohash_0.wav").write_bytes(b"")
    with pytest.raises(InputError, match="zero/00000005_nohash_0.wav.* or set bad_files to skip"):
        make().split("train")
    assert not list((tmp_path / "cache").rglob("*.*"))


def test_bad_files_are_skipped_with_a_count(make, tone_root):
    for word in ("zero", "three"):
        (tone_root / word / "00000005_nohash_0.wav").write_bytes(b"RIFF")
    with pytest.warns(UserWarning, match="2 bad files left out.*three/00000005_nohash_0.wav"):
        split = make(bad_files="skip").split("train")
    assert len(split) == 10 and not any("00000005" in path and "seven" not in path for path in split.paths)
    assert len(split.features(slice(None))) == 10
    with pytest.raises(InputError, match="three/00000005.* or set bad_files to skip"):
        make().split("train")  # the cache of the other setting does not hide them


def test_labels_keep_their_ids_in_every_split(make):
    data = make(labels=[7, 3])
    assert data.labels == [3, 7]
    for name in ("train", "val", "test"):
        assert set(data.split(name).labels) == {3, 7} and len(data.split(name)) == 8
    assert [len(make(fraction=0.5).split(name)) for name in ("train", "val", "test")] == [6, 12, 12]


def test_index_is_the_position_in_the_split(make):
    data = make(batch_size=4)
    split = data.split("train")
    for batch in data.train_dataloader():
        assert torch.equal(batch.x_0, split.features(batch.index.numpy()))
        assert batch.y.tolist() == split.labels[batch.index].tolist()


def test_training_order_follows_seed_and_epoch(make):
    def order(epoch, **settings):
        loader = make(batch_size=4, **settings).train_dataloader()
        loader.sampler.set_epoch(epoch)
        return torch.cat([batch.index for batch in loader]).tolist()

    assert order(0) == order(0) != order(1) and order(0, seed=1) != order(0)
    assert sorted(order(1)) == list(range(12))


def test_small_split_still_gives_a_batch(make):
    assert [len(batch.y) for batch in make(batch_size=64).train_dataloader()] == [12]


def test_workers_give_the_same_batches(make):
    here = list(make(batch_size=5).val_dataloader())
    there = list(make(batch_size=5, num_workers=1).val_dataloader())
    assert all(torch.equal(a, b) for x, y in zip(here, there, strict=True) for a, b in zip(x, y, strict=True))


def test_split_travels_to_a_spawned_worker_without_its_features(make):
    split = make().split("val")
    everything = split.features(slice(None))
    packed = pickle.dumps(split)
    assert len(packed) < 5000 and torch.equal(pickle.loads(packed).features(slice(None)), everything)


def test_hyperparameters_are_plain_values(make, tmp_path):
    """A checkpoint stores them, and must stay loadable with weights_only."""
    data = make(front_end=LogMel(log_max=3.0), labels=[3])
    torch.save(dict(data.hparams), tmp_path / "h.pt")
    stored = torch.load(tmp_path / "h.pt", weights_only=True)
    assert stored["labels"] == [3] and stored["dither"] == 3e-4 and stored["num_workers"] == 0
    assert stored["front_end"]["class_path"] == "lightning_modules.audio.log_mel.LogMel"
    assert LogMel(**stored["front_end"]["init_args"]).settings == data.front_end.settings


def test_waveforms_can_be_cached_too(make):
    batch = next(iter(make(front_end=Waveform(8000, 8000), batch_size=3).val_dataloader()))
    assert batch.x_0.shape == (3, 8000)


def test_two_ranks_see_every_clip_once_in_as_many_batches(make, monkeypatch):
    seen, batches = [], []
    for rank in (0, 1):
        monkeypatch.setattr(loaders, "world", lambda rank=rank: (rank, 2))
        loader = make(batch_size=2, labels=[0, 3]).test_dataloader()
        assert isinstance(loader.sampler, UnrepeatedDistributedSampler)  # Lightning leaves it alone
        seen += [index for batch in loader for index in batch.index.tolist()]
        batches.append(len(loader))
    assert sorted(seen) == list(range(8)) and batches[0] == batches[1]


def test_training_batches_of_two_ranks_join_to_that_of_one(make, monkeypatch):
    one = [set(batch.index.tolist()) for batch in make(batch_size=4).train_dataloader()]
    joined = [set() for _ in one]
    for rank in (0, 1):
        monkeypatch.setattr(loaders, "world", lambda rank=rank: (rank, 2))
        for whole, batch in zip(joined, make(batch_size=2).train_dataloader(), strict=True):
            whole |= set(batch.index.tolist())
    assert joined == one


@pytest.mark.parametrize("batch_size", range(1, 9))
def test_every_rank_gets_as_many_batches(batch_size):
    for ranks in (2, 3, 8):
        for items in range(ranks, 90):
            size = loaders.aligned_batch_size(items, ranks, batch_size)
            shares = {-(-len(range(rank, items, ranks)) // size) for rank in range(ranks)}
            assert len(shares) == 1, (items, ranks, size)


BAD = [
    {"labels": [10]},
    {"labels": [1, 1]},
    {"labels": []},
    {"fraction": 0.0},
    {"fraction": 1.5},
    {"fraction": float("nan")},
]
BAD += [{"batch_size": 0}, {"num_workers": -1}, {"dither": -1.0}, {"seed": -1}, {"bad_files": "ignore"}]


@pytest.mark.parametrize("settings", BAD, ids=str)
def test_bad_settings_are_refused_at_once(settings):
    with pytest.raises(InputError):
        SpeechCommandsDataModule("nowhere", **settings)


def test_digits_without_training_clips_are_refused(make):
    with pytest.raises(InputError, match=r"\[5\]"):
        make(labels=[5]).split("train")


def test_unwritable_cache_is_one_sentence(tone_root, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cache_dir"):
        SpeechCommandsDataModule(str(tone_root), cache_dir=str(tmp_path / "file" / "below")).prepare_data()


@pytest.mark.parametrize("name", ["sc09-sample", "arabic-digits-16k", "fsdd-16k"])
def test_real_recordings(recordings, tmp_path, name):
    """Every validation clip is read; the lists' splits have distinct speakers (but in FSDD, which has six men)."""
    data = SpeechCommandsDataModule(str(recordings / name), cache_dir=str(tmp_path))
    split = data.split("val")
    features = split.features(slice(None))
    assert features.shape == (len(split), 1, 80, 64) and len(split) >= 200
    assert torch.isfinite(features).all() and features.abs().max() < 1.2
