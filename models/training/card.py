"""The model card (Mitchell et al. 2019): what a version is, is for, was made from, and scores.

Written for whoever decides whether to use the version; everything in it is also in the manifest or
the recipe. Pure: values in, Markdown out.
"""

from collections.abc import Mapping, Sequence

from models.training.config import Config, DataConfig
from schemas.model_version import Manifest
from schemas.task import Task

_SCORES = "## Scores\n\n"
_SHOWN = 20
"""Labels that are named, of each task."""


def render(manifest: Manifest, config: Config) -> str:
    """Return MODEL_CARD.md of a version made with `config`."""
    corpora = tuple(one.data for one in config.tasks) or (config.data,)
    sections = [
        f"# {manifest.name}\n\n{_summary(manifest)}",
        f"## Training data\n\n{_data(manifest, corpora)}",
        _SCORES + _scores(manifest.metrics),
        f"## How it was made\n\n{_recipe(manifest, config)}",
    ]
    if cautions := [one.caution for one in corpora if one.caution]:
        sections.insert(1, "## Caution\n\n" + "\n\n".join(cautions))
    return "\n\n".join(sections) + "\n"


def rescored(told: str, metrics: Mapping[str, float]) -> str:
    """Return a card with other scores, for a version that was made of the one it tells of."""
    before, heading, rest = told.partition(_SCORES)
    _, further, behind = rest.partition("\n\n## ")
    return before + heading + _scores(metrics) + further + behind if heading else told


def _summary(manifest: Manifest) -> str:
    encoder = manifest.architecture["encoder"]
    kind = encoder["type"] if isinstance(encoder, dict) else "?"
    labels = "".join(_labels(task, some) for task, some in manifest.tasks.items() if some)
    tasks = ", ".join(manifest.tasks) or "none, an encoder to start other trainings from"
    return (
        f"Task: {tasks}. Language: {', '.join(manifest.languages)}. "
        f"Network: {kind}. Longest input: {manifest.max_length} tokens; "
        f"longer texts are read in windows.{labels}"
    )


def _labels(task: Task, labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return f"\n\n{len(labels)} labels of {task}: {', '.join(labels[:_SHOWN])}{more}."


def _data(manifest: Manifest, corpora: Sequence[DataConfig]) -> str:
    rows = [
        f"- {data.name}: {data.examples:,} examples; licence: {data.licence}; source: {data.source}"
        for data in manifest.data
    ]
    for one in corpora:
        if one.drop_labels:
            rows.append(f"- Left out: examples labelled {', '.join(one.drop_labels)}")
        if one.raw:
            rows.append(f"- Raw text, for the first vectors: {one.raw}")
        if one.vectors:
            rows.append(f"- First vectors: {one.vectors}")
        if one.lexicon:
            rows.append(f"- Lexicon: {one.lexicon}")
        if one.citation:
            rows.append(f"- Please cite: {one.citation}")
    return "\n".join(rows)


def _scores(metrics: Mapping[str, float]) -> str:
    shown = {
        name: f"{value:.2f}" if name.endswith("perplexity") else f"{100 * value:.1f} %"
        for name, value in sorted(metrics.items())
    }
    rows = [f"| {name} | {value} |" for name, value in shown.items()]
    return "\n".join(["| score | value |", "|---|---|", *rows])


def _recipe(manifest: Manifest, config: Config) -> str:
    fit = config.fit
    command = "pretrain" if manifest.task is None else "train"
    tested = "" if manifest.task is None else ", and the test texts were scored once, after that"
    if manifest.compression:
        command, tested = "compress distil", ""
    return (
        f"`textmill {command}`, seed {fit.seed}, at most {fit.epochs} epochs of batches of "
        f"{fit.batch_size}; the epoch with the best dev score was kept{tested}. Weights are stored "
        f"as {config.storage}."
    )
