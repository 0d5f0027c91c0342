"""A toy version becomes a directory, as a training would leave it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from models import artifact
from models.live_model import LiveModel
from schemas.model_version import Manifest, Sample
from schemas.prediction import Prediction
from schemas.question import Question


def write(
    folder: Path, manifest: Manifest, tokenizer: Any, network: Any, texts: Sequence[str]
) -> Path:
    """Write the version at `folder / "v"`; its samples are what it answers to `texts` now."""
    questions = [Question(text) for text in texts]
    answers = LiveModel(manifest, tokenizer, network).ask(questions)
    return save(folder, manifest, tokenizer, network, list(zip(questions, answers, strict=True)))


def save(
    folder: Path,
    manifest: Manifest,
    tokenizer: Any,
    network: Any,
    answered: Sequence[tuple[Question, Prediction]],
) -> Path:
    """Write the version with these samples."""
    samples = tuple(
        Sample(
            text=one.text,
            prediction=answer,
            task=one.task or UNSET,
            context=one.context or UNSET,
        )
        for one, answer in answered
    )
    tokenizer.save(folder / artifact.TOKENIZER)
    network.save(folder / artifact.WEIGHTS)
    (folder / artifact.CARD).write_text("# toy\n")
    files = {name: folder / name for name in artifact.MEMBERS}
    artifact.save(folder / "v", msgspec.structs.replace(manifest, samples=samples), files)
    return folder / "v"
