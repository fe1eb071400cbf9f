"""Results of runs in the comments of ablation files."""

import pytest

from lightning_modules.errors import InputError
from lightning_modules.evaluation.tables.results import write_results

BEFORE = "# Question?\n# Cost: much.\n# Result: not run yet.\nmodel: {}\n"


def test_the_result_is_replaced_and_nothing_else(run, model, tmp_path):
    for name in ("taps_all", "taps_deep"):
        (tmp_path / f"{name}.yaml").write_text(BEFORE)
    rows = [model(guidance_scale=scale, corpus="digits", fid=scale, trained_million=4.4) for scale in (3.0, 0.0)]
    file = run("taps_all/version_0", *rows)
    for _ in range(2):
        assert write_results([str(file)], tmp_path) == [tmp_path / "taps_all.yaml"]
        lines = (tmp_path / "taps_all.yaml").read_text().splitlines()
        assert lines[:2] == ["# Question?", "# Cost: much."] and lines[-1] == "model: {}"
        assert lines[2].startswith("# Result: γ = 0 (digits, 4.40 M trained") and lines[3].startswith("#   ")
        said = " ".join(line.removeprefix("#   ") for line in lines[2:-1])
        assert "γ = 3" in said and "FID 3.000 ± 0.050, KID 0.01000, accuracy, % 95.0." in said
        assert max(map(len, lines)) <= 120
    assert (tmp_path / "taps_deep.yaml").read_text() == BEFORE


def test_a_file_without_a_place_for_it(run, model, tmp_path):
    (tmp_path / "taps_all.yaml").write_text("model: {}\n")
    with pytest.raises(InputError, match="# Result:"):
        write_results([str(run("taps_all", model()))], tmp_path)
