"""Findings of a benchmark, as tables for people and as JSON for programs."""

import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.timing import Ratio
from datamodules.new_files import new_file


@dataclass
class Part:
    """Findings of one benchmark.

    Attributes:
        name: of the benchmark.
        header: names of the table's columns.
        rows: of the table; None where there is no value.
        ratios: by name; these are what may be compared between machines.
        notes: sentences below the table.
    """

    name: str
    header: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    ratios: dict[str, Ratio] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Findings as Markdown: a table, the ratios and the notes."""
        lines = [f"## {self.name}", ""]
        if self.rows:
            lines += [*_table(self.header, self.rows), ""]
        if self.ratios:
            lines += [*_table(["ratio", "median (of rounds)"], [[k, str(v)] for k, v in self.ratios.items()]), ""]
        return "\n".join([*lines, *(f"{note}\n" for note in self.notes)])


def machine(device: torch.device) -> dict[str, Any]:
    """Description of the machine and the versions that the figures come from."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "malloc_tuned": "MALLOC_TOP_PAD_" in os.environ,
        "load_at_start": round(os.getloadavg()[0], 1),
    }


def save(folder: Path, facts: dict[str, Any], parts: list[Part]) -> None:
    """Write ``bench.json`` and ``bench.md`` to ``folder``."""
    content = {"machine": facts, "parts": {}}
    for part in parts:
        ratios = {name: found._asdict() for name, found in part.ratios.items()}
        rows = [dict(zip(part.header, row, strict=True)) for row in part.rows]
        content["parts"][part.name] = {"rows": rows, "ratios": ratios, "notes": part.notes}
    with new_file(folder / "bench.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    head = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
    text = "\n".join([f"# scoretap bench\n\n{head}\n", *(part.markdown() for part in parts)])
    with new_file(folder / "bench.md") as temporary:
        temporary.write_text(text, encoding="utf-8")


def _table(header: list[str], rows: list[list[Any]]) -> list[str]:
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "/")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
