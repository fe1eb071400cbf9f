"""The logger for Weights & Biases: it works offline too, and a resumed run keeps its id."""

import netrc
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

from lightning_modules.tracking.run_names import RunNames


class WandbTracker(WandbLogger):
    """Logs to Weights & Biases: groups runs, resumes them, and goes offline without account or network.

    Whatever cannot be sent stays complete in ``save_dir/wandb``, and ``wandb sync`` sends it later. The environment
    variable WANDB_MODE wins over ``mode: auto``. Only the process with rank 0 logs.

    Args:
        project: name of the project.
        save_dir: folder for the run's files; checkpoints and samples go to ``save_dir/project/id``.
        name: name of the run; by default its group and id.
        mode: ``auto`` and ``online`` are online if there is an API key and the server answers, else offline, with a
            sentence that says so. ``disabled`` logs nothing.
        entity: team or user; null for the account's default.
        group: runs to compare as one; by default the ablation, or else the experiment.
        job_type: by default the command.
        tags: by default the composed configs.
        id: id of the run; by default that of the resumed checkpoint, or a new one.
        log_model: whether checkpoints become artifacts: at the end, or ``all`` of them as they are written.
        log_samples: whether samples that ``scoretap test`` draws become an artifact.
    """

    def __init__(
        self,
        project: str = "scoretap",
        save_dir: str = "runs",
        name: str | None = None,
        mode: Literal["auto", "online", "offline", "disabled"] = "auto",
        entity: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: list[str] | None = None,
        id: str | None = None,
        log_model: Literal["all"] | bool = False,
        log_samples: bool = False,
    ) -> None:
        # In a sweep the agent has chosen the id.
        self._chosen = id or os.environ.get("WANDB_RUN_ID")
        super().__init__(
            name=name, save_dir=save_dir, project=project, id=self._chosen or secrets.token_hex(4), log_model=log_model
        )
        self._wandb_init.update(entity=entity, group=group, job_type=job_type, tags=tags)
        self.mode, self.log_samples = mode, log_samples
        self._resumed_at: int | None = None  # rows that the history of a resumed run had at its checkpoint
        self._repeated = 0  # rows that the server has from there on
        self._facts: dict[str, Any] = {}

    @property
    def version(self) -> str:
        """Id of the run, which is also the name of its folder."""
        return str(self._id)

    @property
    def chosen(self) -> bool:
        """Whether the command, or a sweep, has chosen the id."""
        return self._chosen is not None

    def adopt_names(self, names: RunNames, stored: dict[str, Any] | None = None) -> None:
        """Take group, job type and tags if none were given; go on with a resumed run's id, or note the tested run's.

        Args:
            names: names of this run.
            stored: the entry ``run`` of the checkpoint that is resumed or tested.
        """
        for key, value in (("group", names.group), ("job_type", names.job_type), ("tags", names.tags)):
            self._wandb_init[key] = self._wandb_init[key] or value
        self._facts = dict(names.facts)
        if stored and (id := stored.get("wandb")):
            if names.job_type != "fit":
                self._facts["trained_by"] = id
            elif self._chosen in (None, id):
                self._id = self._wandb_init["id"] = id
                self._resumed_at = stored.get("wandb_step")

    @property
    def history_step(self) -> int:
        """Number of rows that the history has."""
        return 0 if self._experiment is None else int(self._experiment.step)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run; it starts on first use."""
        if self._experiment is None:
            Path(self._save_dir or ".").mkdir(parents=True, exist_ok=True)  # else W&B takes a temporary folder
            group = self._wandb_init["group"]
            self._wandb_init.update(mode=self._choose_mode(), config=dict(self._facts))
            self._wandb_init["name"] = self._name or (f"{group}-{self._id}" if group else None)
            self._continue_history(self._start())
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Add a row to the history, unless the part of the run before its checkpoint has sent the same one."""
        run = self.experiment
        if self._repeated:
            self._repeated -= 1
        elif run is not None:
            super().log_metrics(metrics, step)

    def _continue_history(self, run: Any) -> None:
        """Let a resumed run's rows have the numbers that they have in a run that was never stopped.

        A server knows the rows after the checkpoint too; offline, a run starts at 0.
        """
        if self._resumed_at is None:
            return
        self._repeated = max(0, int(run.step) - self._resumed_at)
        if run.step < self._resumed_at:
            run.log({}, step=self._resumed_at)  # adds no row: the next one gets this number
        self._resumed_at = None

    def _start(self) -> Any:
        import wandb

        try:
            return super().experiment
        except wandb.errors.Error as error:
            if self._wandb_init["mode"] not in ("online", "shared"):
                raise
            self._print_offline(" ".join(str(error).split()))
            self._wandb_init["mode"] = "offline"
            return super().experiment

    def _print_offline(self, reason: str) -> None:
        runs = Path(self._save_dir or ".") / "wandb" / "offline-*"
        print(f"Weights & Biases is offline: {reason}; everything is kept, `wandb sync {runs}` sends it")

    def _choose_mode(self) -> str:
        import wandb

        mode = os.environ.get("WANDB_MODE", "online") if self.mode == "auto" else self.mode
        if mode not in ("online", "shared"):
            return mode
        settings = wandb.setup().settings
        if reason := why_offline(settings.base_url, settings.api_key):
            self._print_offline(reason)
            return "offline"
        return mode

    @rank_zero_only
    def summarise(self, figures: dict[str, Any]) -> None:
        """Show ``figures`` in the run's summary."""
        self.experiment.summary.update(figures)

    @rank_zero_only
    def keep_folder(self, name: str, kind: str, folder: Path) -> None:
        """Log the files of ``folder`` as an artifact of type ``kind``."""
        import wandb

        artifact = wandb.Artifact(f"{name}-{self._id}", type=kind)
        artifact.add_dir(str(folder))
        self.experiment.log_artifact(artifact)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the run, so that another command of this process starts its own."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None


def why_offline(url: str, api_key: str | None) -> str | None:
    """The reason why nothing can be sent to the server at ``url``; None if there is no such reason.

    Args:
        url: address of the server.
        api_key: key from the settings; without one, environment and ``.netrc`` are searched, as W&B's client does.
    """
    keys = (api_key, os.environ.get("WANDB_API_KEY"), os.environ.get("WANDB_IDENTITY_TOKEN_FILE"))
    if not any(keys) and not _in_netrc(url):
        return "no API key (wandb login, or WANDB_API_KEY)"
    if not _reachable(url):
        return f"no connection to {urlsplit(url).hostname}"
    return None


def _in_netrc(url: str) -> bool:
    """Whether a ``.netrc`` has a password for the server."""
    for path in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc"):
        try:
            if path and netrc.netrc(os.path.expanduser(path)).authenticators(urlsplit(url).hostname or ""):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def _reachable(url: str, timeout: float = 5.0) -> bool:
    """Whether a connection can be opened; behind a proxy this is not tried, and taken for granted."""
    parts = urlsplit(url)
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")):
        return True
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout).close()
    except OSError:
        return False
    return True
