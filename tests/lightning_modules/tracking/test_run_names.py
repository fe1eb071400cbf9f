"""Names of runs, and when a run stays offline."""

import socket
from pathlib import Path

import pytest

from lightning_modules.command_line.arguments import CONFIGS
from lightning_modules.tracking import WandbTracker
from lightning_modules.tracking.run_names import composed_configs, run_names
from lightning_modules.tracking.wandb_tracker import why_offline


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """Hide the key and the proxy of the person who runs the tests."""
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("configs", "group", "study"),
    [
        (["base", "logger/wandb", "data/sc09", "experiments/score_subnet"], "score_subnet", None),
        (["base", "data/sc09", "experiments/score_subnet", "ablations/taps_deep"], "taps_deep", "taps"),
        (
            ["small/score_subnet", "ablations/taps_deep", "ablations/data_label_4"],
            "taps_deep+data_label_4",
            "taps+data",
        ),
        (["base", "mine"], "mine", None),
        (["small/score_subnet", "callbacks/generation_metrics", "sampling/ancestral"], "score_subnet", None),
        (["base"], "scoretap", None),
    ],
)
def test_group_is_the_ablation_or_else_the_experiment(configs, group, study):
    names = run_names("fit", configs)
    assert names.group == group and names.facts["study"] == study and names.job_type == "fit"
    assert not {"base", "logger/wandb"} & set(names.tags)


def test_configs_are_named_as_they_are_typed(tmp_path):
    arguments = [
        "--config",
        str(CONFIGS / "small/unet.yaml"),
        "--config",
        str(tmp_path / "mine.yaml"),
        "--config",
        "{}",
    ]
    assert composed_configs([*arguments, "--trainer.max_steps", "3"], CONFIGS) == ["small/unet", "mine"]


def test_key_is_looked_for_where_wandb_looks(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert "no API key" in why_offline(url, None)
        assert why_offline(url, "key") is None
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password key\n")
        assert why_offline(url, None) is None
        (tmp_path / "netrc").unlink()
        monkeypatch.setenv("WANDB_API_KEY", "key")
        assert why_offline(url, None) is None
    assert why_offline(url, "key") == "no connection to 127.0.0.1"


def test_a_run_that_is_named_keeps_its_names():
    tracker = WandbTracker(group="mine", id="abc")
    tracker.adopt_names(run_names("fit", ["ablations/taps_deep"]), {"wandb": "old"})
    assert tracker._wandb_init["group"] == "mine" and tracker._wandb_init["job_type"] == "fit"
    assert tracker.version == "abc", "an id that was given wins over the checkpoint's"
    fresh = WandbTracker()
    assert fresh.version != WandbTracker().version and len(fresh.version) == 8
    fresh.adopt_names(run_names("fit", []), {"wandb": "old"})
    assert fresh.version == "old"


def test_in_a_sweep_the_agent_names_the_run(monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "swept")
    assert WandbTracker().version == "swept"


def test_a_key_that_the_server_refuses_ends_no_run(monkeypatch, tmp_path, capsys):
    import wandb

    modes = []

    def init(**settings):
        modes.append(settings["mode"])
        if settings["mode"] == "online":
            raise wandb.errors.CommError("It appears that\nthe key is wrong")
        return "run"

    monkeypatch.setattr(wandb, "init", init)
    monkeypatch.setattr(wandb, "run", None)
    monkeypatch.setattr("lightning_modules.tracking.wandb_tracker.why_offline", lambda *given: None)
    assert WandbTracker(save_dir=str(tmp_path), id="abc").experiment == "run" and modes == ["online", "offline"]
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "the key is wrong" in printed
    assert f"wandb sync {tmp_path}/wandb/offline-*" in printed


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_modes_that_ask_nobody(mode, monkeypatch):
    assert WandbTracker(mode=mode)._choose_mode() == mode
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert WandbTracker()._choose_mode() == "disabled"


def test_sweep_is_of_configs_that_exist():
    import yaml

    sweep = yaml.safe_load((CONFIGS / "wandb/sweep.yaml").read_text())
    named = [word.partition("=")[2] for word in sweep["command"] if word.startswith("--config=")]
    for name in [*named, *sweep["parameters"]["config"]["values"]]:
        assert (CONFIGS / f"{name}.yaml").is_file(), name
    assert Path(sweep["program"]).name == "scoretap"


def test_dashboard_shows_what_runs_log():
    pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is not installed")
    from lightning_modules.tracking.dashboard import dashboard

    text = dashboard("team")._to_model().model_dump_json()
    for key in ("score/fid", "score/kid", "score/accuracy", "gmacs_per_sample", "guidance_scale", "ablation", "listen"):
        assert key in text, key
