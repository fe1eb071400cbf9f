"""The settings of a run are written whole, and never through a link."""

from types import SimpleNamespace

from jsonargparse import ArgumentParser

from callbacks.saved_config import SavedConfig


def test_a_planted_link_is_replaced(tmp_path):
    (victim := tmp_path / "victim").write_text("precious")
    (run := tmp_path / "run").mkdir()
    (run / "config.yaml").symlink_to(victim)
    parser = ArgumentParser()
    parser.add_argument("--steps", type=int)
    callback = SavedConfig(parser, parser.parse_args(["--steps=3"]), overwrite=True)
    callback._folder = run
    callback.save_config(SimpleNamespace(loggers=[]), None, "fit")
    assert victim.read_text() == "precious" and [path.name for path in run.iterdir()] == ["config.yaml"]
    assert (run / "config.yaml").read_text() == "steps: 3\n" and not (run / "config.yaml").is_symlink()
