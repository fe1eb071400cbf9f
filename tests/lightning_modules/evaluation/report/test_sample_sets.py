"""Which folders are read, what of them, and how others are named."""

import pytest

from lightning_modules.errors import InputError
from lightning_modules.evaluation.report.sample_sets import collect_samples


def test_a_folder_of_test(draw):
    folder = draw("subnet", [(3, 7), (5, 8)], scored="Score Subnet, γ = 3")
    (one,) = collect_samples(["runs"])
    assert (one.model, one.run, one.scale, one.way) == ("Score Subnet", "subnet", 3.0, "DDIM, 25 steps")
    assert one.samples == {
        (3, 7): folder.resolve().relative_to(folder.parents[4]) / "00000_3_seed7.wav",
        (5, 8): folder.resolve().relative_to(folder.parents[4]) / "00001_5_seed8.wav",
    }
    assert [row["name"] for row in one.rows] == ["Score Subnet, γ = 3", "real test"]


def test_a_folder_of_predict_has_no_scores_and_is_called_by_its_name(draw):
    draw("mild", [(-1, 2**63 - 1)], scale=0.0).rename("runs/plain")
    (one,) = collect_samples(["runs/plain"])
    assert (one.model, one.scale, one.rows) == ("plain", 0.0, []) and list(one.samples) == [(-1, 2**63 - 1)]


def test_every_folder_once(draw):
    folders = [draw(name, [(3, 1)]) for name in ("b", "a")]
    found = collect_samples(["runs/b", "runs", str(folders[1])])
    assert [one.run for one in found] == ["b", "a"]


DAMAGED = {
    "empty": lambda text: "",
    "header only": lambda text: text.splitlines()[0] + "\n",
    "no seeds": lambda text: text.replace("seed,", "sed,", 1),
    "cut short": lambda text: text[: text.rindex("DDIM")],
    "odd digit": lambda text: text.replace(",3,1,", ",11,1,"),
    "odd seed": lambda text: text.replace(",3,1,", ",3,one,"),
    "path": lambda text: text.replace("00000_3", "../00000_3"),
    "no name": lambda text: text.replace("00000_3_seed1.wav", ""),
    "not text": lambda text: text.replace("DDIM", "\udcff"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_manifest_is_named_and_left_out(damage, draw, capfd):
    bad = draw("bad", [(3, 1), (5, 2)], scored="Bad") / "manifest.csv"
    draw("good", [(3, 1)])
    bad.write_bytes(DAMAGED[damage](bad.read_text()).encode("utf-8", "surrogateescape"))
    assert [one.run for one in collect_samples(["runs"])] == ["good"]
    err = capfd.readouterr().err
    assert err.startswith("scoretap: left out 'runs/bad/") and err.count("\n") == 1 and "manifest" in err


def test_what_holds_no_samples_is_named(draw, work, capfd):
    draw("good", [(3, 1)])
    (draw("unfinished", [(3, 1)]) / "manifest.csv").rename("runs/unfinished/version_0/test/.manifest.rank0.csv")
    (work / "runs" / "empty").mkdir()
    for file in draw("gone", [(3, 1)]).glob("*.wav"):
        file.unlink()
    found = collect_samples([*(f"runs/{name}" for name in ("good", "unfinished", "empty", "gone")), "nowhere"])
    assert [one.run for one in found] == ["good"]
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 4
    for line, name, words in zip(
        lines,
        ("unfinished", "empty", "gone", "nowhere"),
        ("did not finish", "no samples", "none of the 1", "no such folder"),
        strict=True,
    ):
        assert name in line and words in line


def test_nothing_left_is_refused(work, capfd):
    with pytest.raises(InputError, match="got none from 'nowhere'"):
        collect_samples(["nowhere"])


def test_damaged_scores_cost_the_row_only(draw, capfd):
    folder = draw("subnet", [(3, 1)], scored="Score Subnet, γ = 3")
    (folder / "scores.json").write_text("[")
    (one,) = collect_samples(["runs"])
    assert one.model == "subnet" and not one.rows and "scores.json" in capfd.readouterr().err


def test_missing_files_are_counted(draw, capfd):
    folder = draw("subnet", [(3, 1), (3, 2), (5, 3)])
    (folder / "00001_3_seed2.wav").unlink()
    (one,) = collect_samples(["runs"])
    assert set(one.samples) == {(3, 1), (5, 3)} and "1 of 3 samples" in capfd.readouterr().err
