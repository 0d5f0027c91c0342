"""The model card (Mitchell et al. 2019): what a version is, is for, was made from, and scores.

Written for whoever decides whether to use the version; everything in it is also in the manifest or
the recipe. Pure: values in, Markdown out.
"""

from collections.abc import Mapping

from models.training.config import Config, DataConfig
from schemas.model_version import Manifest


def render(manifest: Manifest, config: Config) -> str:
    """Return MODEL_CARD.md of a version made with `config`."""
    sections = [
        f"# {manifest.name}\n\n{_summary(manifest)}",
        f"## Training data\n\n{_data(manifest, config.data)}",
        f"## Scores\n\n{_scores(manifest.metrics)}",
        f"## How it was made\n\n{_recipe(config)}",
    ]
    if config.data.caution:
        sections.insert(1, f"## Caution\n\n{config.data.caution}")
    return "\n\n".join(sections) + "\n"


def _summary(manifest: Manifest) -> str:
    encoder = manifest.architecture["encoder"]
    kind = encoder["type"] if isinstance(encoder, dict) else "?"
    shown = ", ".join(manifest.labels[:20])
    more = f" and {len(manifest.labels) - 20} more" if len(manifest.labels) > 20 else ""
    labels = f"\n\n{len(manifest.labels)} labels: {shown}{more}." if shown else ""
    return (
        f"Task: {manifest.task}. Language: {', '.join(manifest.languages)}. "
        f"Network: {kind}. Longest input: {manifest.max_length} tokens; "
        f"longer texts are read in windows.{labels}"
    )


def _data(manifest: Manifest, config: DataConfig) -> str:
    rows = [
        f"- {data.name}: {data.examples:,} examples; licence: {data.licence}; source: {data.source}"
        for data in manifest.data
    ]
    if config.drop_labels:
        rows.append(f"- Left out: examples labelled {', '.join(config.drop_labels)}")
    if config.raw:
        rows.append(f"- Raw text, for the first vectors: {config.raw}")
    if config.lexicon:
        rows.append(f"- Lexicon: {config.lexicon}")
    if config.citation:
        rows.append(f"- Please cite: {config.citation}")
    return "\n".join(rows)


def _scores(metrics: Mapping[str, float]) -> str:
    rows = [f"| {name} | {100 * value:.1f} % |" for name, value in sorted(metrics.items())]
    return "\n".join(["| score | value |", "|---|---|", *rows])


def _recipe(config: Config) -> str:
    fit = config.fit
    return (
        f"`textmill train`, seed {fit.seed}, at most {fit.epochs} epochs of batches of "
        f"{fit.batch_size}; the epoch with the best dev score was kept, and the test texts were "
        f"scored once, after that. Weights are stored as {config.storage}."
    )
