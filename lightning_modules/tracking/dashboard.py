"""A dashboard for a team, made by `python -m lightning_modules.tracking.dashboard --entity TEAM`.

It needs an account and the extra ``scoretap[dashboard]``. ``--output FILE`` writes it as JSON instead.
"""

import argparse
import json
from pathlib import Path
from typing import Any

NAME = "scoretap: what helps"


def dashboard(entity: str, project: str = "scoretap") -> Any:
    """The workspace: quality against cost, by tap set and by gamma; samples; curves. It is not sent yet.

    Args:
        entity: team or user who owns the runs.
        project: project of the runs.

    Raises:
        ModuleNotFoundError: wandb-workspaces is not installed.
    """
    import wandb_workspaces.workspaces as ws

    sections = [
        ws.Section(name="Quality against cost (scoretap test)", panels=_against_cost(), is_open=True),
        ws.Section(name="By tap set and by gamma", panels=_by_setting(), is_open=True),
        ws.Section(name="Listen", panels=_listening(), is_open=True),
        ws.Section(name="While training", panels=_training()),
    ]
    settings = ws.RunsetSettings(groupby=[ws.Config("study"), ws.Config("ablation")])
    return ws.Workspace(entity=entity, project=project, name=NAME, sections=sections, runset_settings=settings)


def _against_cost() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    cost = wr.SummaryMetric("score/gmacs_per_sample")
    return [
        wr.ScatterPlot(title=f"{name} against GMACs per sample", x=cost, y=wr.SummaryMetric(f"score/{key}"), log_x=True)
        for name, key in (("FID", "fid"), ("KID", "kid"), ("Accuracy", "accuracy"))
    ]


def _by_setting() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    panels: list[Any] = []
    for name, key in (("FID", "fid"), ("KID", "kid"), ("Accuracy", "accuracy")):
        metric = wr.SummaryMetric(f"score/{key}")
        panels.append(wr.BarPlot(title=f"{name} by ablation", metrics=[metric], groupby="ablation"))
        gamma = wr.SummaryMetric("score/guidance_scale")
        panels.append(wr.ScatterPlot(title=f"{name} by gamma", x=gamma, y=metric))
    return panels


def _listening() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    return [
        wr.WeavePanelSummaryTable(table_name="score/listen"),
        wr.WeavePanelSummaryTable(table_name="score/table"),
        wr.MediaBrowser(media_keys=["samples/guidance=0", "samples/guidance=3"]),
        wr.MediaBrowser(media_keys=["samples/mels", "score/confusion", "generation/confusion"]),
    ]


def _training() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    step = "trainer/global_step"
    keys = ("train/loss", "val/loss", "generation/fid", "generation/kid", "generation/accuracy")
    levels = wr.LinePlot(title="val/loss by noise level", x=step, metric_regex="val/loss/.*")
    return [*(wr.LinePlot(title=key, x=step, y=[key]) for key in keys), levels]


def main() -> None:
    """Make the dashboard, or write it to a file."""
    parser = argparse.ArgumentParser(prog="python -m lightning_modules.tracking.dashboard")
    parser.add_argument("--entity", required=True, help="team or user")
    parser.add_argument("--project", default="scoretap")
    parser.add_argument("--output", type=Path, help="write JSON there, send nothing")
    given = parser.parse_args()
    workspace = dashboard(given.entity, given.project)
    if given.output is not None:
        given.output.write_text(json.dumps(workspace._to_model().model_dump(mode="json"), indent=1) + "\n")
    else:
        print(workspace.save().url)


if __name__ == "__main__":
    main()
