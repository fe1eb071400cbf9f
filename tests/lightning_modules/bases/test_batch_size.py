"""Batch sizes are chosen by what a device says of them; here devices are made up."""

import pytest
import torch

from lightning_modules import load_generator
from lightning_modules.bases.batch_size import MOST, choose_batch_size, fastest, largest_fitting
from lightning_modules.errors import InputError


class Memory:
    """A GPU on which a batch takes ``base + each * batch`` bytes, of which ``free`` may be taken."""

    def __init__(self, base, each, free):
        self.base, self.each, self.free, self.tried = base, each, free, []

    def peak(self, batch):
        self.tried.append(batch)
        if (needed := self.base + self.each * batch) > self.free:
            raise torch.OutOfMemoryError
        return needed


@pytest.mark.parametrize(
    ("base", "each", "free", "most", "expected"),
    [
        (0, 10, 320, 512, 32),
        (0, 10, 319, 512, 16),
        (100, 10, 319, 512, 16),
        (100, 10, 259, 512, 8),
        (0, 10, 1e9, 512, 512),
        (0, 10, 1e9, 500, 256),
        (0, 10, 1e9, 1, 1),
        (0, 10, 20, 512, 2),
        (0, 10, 19, 512, 1),
        (0, 10, 5, 512, 1),
    ],
)
def test_largest_power_of_two_that_fits(base, each, free, most, expected):
    memory = Memory(base, each, free)
    assert largest_fitting(memory.peak, free, most) == expected
    assert expected <= 2 or memory.tried == [1, 2, expected], "what two small batches promise is tried, no more"


def test_halved_where_the_line_promises_too_much():
    """Half the memory is in pieces: what fits is less than what is free."""
    memory = Memory(0, 10, 160)
    assert largest_fitting(memory.peak, 640, 512) == 16
    assert memory.tried == [1, 2, 64, 32, 16]


def test_a_batch_that_takes_more_than_its_share_is_halved():
    assert largest_fitting(lambda batch: batch**2, 100, 512) == 8


def test_other_errors_are_not_taken_for_lack_of_memory():
    def broken(batch):
        raise RuntimeError("no kernel")

    with pytest.raises(RuntimeError, match="no kernel"):
        largest_fitting(broken, 100, 512)


def test_fastest_per_sample():
    seconds = {4: 8.0, 8: 12.0, 16: 20.0, 32: 64.0}
    assert fastest(seconds.__getitem__, (4, 8, 16, 32)) == 16
    assert fastest({4: 4.0, 8: 7.9, 16: 15.7}.__getitem__, (4, 8, 16)) == 4, "2 % is noise"


@pytest.mark.parametrize(("most", "expected"), [(1, [1]), (3, [3]), (4, [4]), (10, [4, 8]), (1000, [4, 8, 16, 32])])
def test_no_more_than_are_wanted_are_tried_on_a_cpu(most, expected, monkeypatch):
    from lightning_modules import batch_size

    monkeypatch.setattr(batch_size, "_shortest_time", lambda evaluate, count: evaluate(count))
    tried = []

    def evaluate(count):
        tried.append(count)
        return float(count)

    chosen = choose_batch_size(None, evaluate, torch.device("cpu"), most)
    assert chosen == expected[0] and tried in (expected, [])


def test_where_nothing_is_known_a_good_default():
    assert choose_batch_size(None, None, torch.device("meta"), 1000) == 16
    assert choose_batch_size(None, None, torch.device("meta"), 3) == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_memory_is_measured():
    device = torch.device("cuda")
    chosen = choose_batch_size(lambda n: torch.empty(n, 2**20, device=device), None, device, 1000)
    assert chosen == MOST
    huge = torch.cuda.mem_get_info(device)[0] // 8
    fewer = choose_batch_size(lambda n: torch.empty(n, huge, dtype=torch.int8, device=device), None, device, 1000)
    assert fewer == 4


@pytest.fixture
def quick(monkeypatch):
    """Four at a time is fastest, without a look at the clock."""
    from lightning_modules import batch_size

    monkeypatch.setattr(
        batch_size, "_shortest_time", lambda evaluate, count: evaluate(count) or count * abs(count - 4) + 1.0
    )


def test_samples_do_not_depend_on_it(score_subnet, scoretap, quick, tmp_path):
    """The same requests in batches of 10 and of 4: seeds decide, up to rounding."""
    from soundfile import read

    for size in ("10", "auto"):
        flags = [f"--data.init_args.batch_size={size}", f"--sample_writer.folder={size}", "--sampling.num_steps=4"]
        status, err = scoretap("predict", "--ckpt_path", score_subnet, *flags, "--trainer.accelerator=cpu")
        assert status == 0, err
    files = sorted(path.name for path in (tmp_path / "work" / "10").glob("*.wav"))
    assert len(files) == 10
    for name in files:
        one, other = (torch.from_numpy(read(tmp_path / "work" / size / name)[0]) for size in ("10", "auto"))
        assert (one - other).square().mean().sqrt() < 0.01 * one.square().mean().sqrt(), name


def test_a_generator_says_what_it_chose(score_subnet, quick, capsys):
    generator = load_generator(score_subnet).train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    assert generator.fitting_batch_size(torch.tensor([-1, 3]), 64) == 4
    assert "4 at a time" in capsys.readouterr().out
    assert generator.training and generator.sampling.num_steps == 100
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())


@pytest.mark.parametrize("name", ["SampleScores", "GenerationMetrics", "SampleRequests"])
def test_batch_sizes_that_are_none(name):
    import callbacks
    import datamodules

    kind = getattr(callbacks, name, None) or getattr(datamodules, name)
    needed = {"evaluator": "x"} if name == "GenerationMetrics" else {}
    assert kind(**needed, batch_size="auto").batch_size == "auto"
    with pytest.raises(InputError, match="at least 1, or auto, got 0"):
        kind(**needed, batch_size=0)
