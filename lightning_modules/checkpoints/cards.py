"""Text about models: the card of one, and the list of all."""

from collections.abc import Sequence

from lightning_modules.checkpoints.catalogue import Entry

_USES = {
    "classifier": "scoretap fit ... --model.init_args.classifier {name}",
    "evaluator": "scoretap score FOLDER --evaluator {name}",
    "vocoder": "scoretap predict ... --vocoder {name}",
}
_DRAW = "scoretap predict --config sampling/ancestral --ckpt_path {name} --sampling.guidance_scale 3"


def card_text(entry: Entry) -> str:
    """The model card of ``entry`` in Markdown."""
    facts = entry.facts
    rows = "\n".join(f"| {name} | {value} |" for name, value in _properties(entry).items())
    scores = "\n".join(f"| {score.measure} | {score} | {score.how} |" for score in facts.scores)
    limits = "\n".join(f"- {limit}" for limit in facts.limits)
    commands = "\n".join(facts.training)
    use = _USES.get(entry.kind, _DRAW).format(name=entry.name)
    return f"""# {entry.name}

{facts.description}

```bash
{use}
```

| | |
| :-- | :-- |
{rows}

## Data

{facts.data} Licence of the corpus: {facts.data_licence}. {facts.attribution}

## Training

{_training(entry)}

```bash
{commands}
```

## Scores

| measure | value | how |
| :-- | --: | :-- |
{scores}

[ ] 95 % interval, ± standard error.

## Limits

{limits}
"""


def table_text(entries: Sequence[Entry]) -> str:
    """A list of models, one line for each, in columns."""
    rows = [("name", "kind", "corpus", "digits", "MB", "licence", "scores")]
    for entry in entries:
        scores = ", ".join(f"{score.measure} {score}" for score in entry.facts.scores[:2])
        facts = (entry.facts.corpus, _digits(entry.labels), f"{entry.bytes / 1e6:.1f}", entry.facts.licence, scores)
        rows.append((entry.name, entry.kind, *facts))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _properties(entry: Entry) -> dict[str, str]:
    settings = ", ".join(f"{name}={value}" for name, value in entry.front_end.items() if name != "class")
    properties = {
        "kind": f"{entry.kind} (`{entry.checkpoint['hyper_parameters']['_class_path']}`)",
        "corpus": entry.facts.corpus,
        "language": entry.facts.language,
        "digits": _digits(entry.labels),
        "size": f"{entry.parameters:,} parameters, {entry.bytes / 1e6:.2f} MB in fp16",
        "reads": f"`{entry.front_end['class']}({settings})`",
        "licence": entry.facts.licence,
        "SHA-256": f"`{entry.sha256}`",
        "fingerprint": f"`{entry.fingerprint[:12]}`, before rounding `{entry.trained_fingerprint[:12]}`",
    }
    if backbone := entry.checkpoint["scoretap"].get("classifier"):
        properties["classifier inside"] = f"`{backbone[:12]}`"
    if entry.facts.url:
        properties["address"] = entry.facts.url
    return properties


def _training(entry: Entry) -> str:
    data = entry.checkpoint.get("datamodule_hyper_parameters") or {}
    batch = entry.checkpoint["scoretap"].get("batch_size") or data.get("batch_size")
    clips = f" of {batch} clips" if batch else ""
    seeds = ", ".join(map(str, entry.facts.seeds))
    weights = "averaged over training (EMA)" if entry.averaged else "as the last step left them"
    steps = f"{entry.checkpoint['global_step']:,} steps{clips}"
    if len(entry.facts.training) > 1:
        steps = f"{len(entry.facts.training)} runs, the last of {steps}"
    return f"{steps}; seed{'s' if len(entry.facts.seeds) > 1 else ''} {seeds}; weights {weights}."


def _digits(labels: Sequence[int]) -> str:
    labels = sorted(labels)
    if len(labels) > 2 and labels == list(range(labels[0], labels[-1] + 1)):
        return f"{labels[0]}–{labels[-1]}"
    return ", ".join(map(str, labels))
