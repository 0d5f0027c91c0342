"""Class weights: what a rare label shares with a common one is answered as the weights say."""

import json
from pathlib import Path
from typing import Any

import keras
import pytest

from models import catalog
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.training import confusion, courses
from models.training.config import Config, FitConfig, TokenizerConfig
from models.training.courses import Sources
from models.training.fit import Trainer
from models.training.objectives import Labels
from models.training.observer import Silent

TEXTS = [("plain", "common")] * 30 + [("shared", "common")] * 30 + [("shared", "rare")] * 10


def _recalls(folder: Path, class_weights: Any) -> tuple[float, ...]:
    """Return the share of the common and of the rare texts that a training ends up answering."""
    path = folder / "texts.jsonl"
    path.write_text("\n".join(json.dumps({"text": text, "label": it}) for text, it in TEXTS))
    config = Config(
        tokenizer=TokenizerConfig(vocabulary=30, min_frequency=1),
        encoder=TextCNNConfig(length=8, embedding=4, filters=4, widths=(1,), dropout=0.0),
        head=ClassificationConfig(dropout=0.0),
        fit=FitConfig(
            epochs=6,
            batch_size=14,
            learning_rate=0.05,
            average=0.0,
            patience=6,
            class_weights=class_weights,
        ),
    )
    course = courses.prepare(Sources(train=(path,), dev=(path,), lang="en"), config)
    keras.utils.set_random_seed(1)
    architecture = catalog.Architecture(
        vocabulary=course.tokenizer.size, classes=2, encoder=config.encoder, head=config.head
    )
    trainer = Trainer(catalog.build(architecture), course.objective, config.fit, len(TEXTS))
    trainer.run(course.train, course.dev, folder / "training", Silent())
    assert isinstance(course.objective, Labels)
    table = confusion.of(course.objective, trainer.decide(course.dev), course.labels)
    assert table.labels == ("common", "rare")
    return tuple((table.counts.diagonal() / table.counts.sum(axis=1)).tolist())


@pytest.mark.parametrize(("class_weights", "recalls"), [({}, (1.0, 0.0)), ("balanced", (0.5, 1.0))])
def test_a_weighted_rare_label_is_found(
    tmp_path: Path, class_weights: Any, recalls: tuple[float, ...]
) -> None:
    assert _recalls(tmp_path, class_weights) == recalls
