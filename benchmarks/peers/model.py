"""The model as peers use it: the same class that Textmill serves."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from models.quiet import import_tensorflow

import_tensorflow()

from models.live_model import LiveModel  # noqa: E402
from models.shapes import LENGTHS  # noqa: E402


def load(version: Path) -> LiveModel:
    """The version, warm."""
    model = LiveModel.load(version)
    model.warm_up((length, rows) for length in LENGTHS if length <= 256 for rows in (1, 32))
    return model


def predict_padded(model: LiveModel, texts: Sequence[str]) -> list[Any]:
    """One array for all, as long as the longest text: what a batch in order of arrival costs."""
    parsed = model.parse_texts(texts)
    longest = max(len(one.ids) for one in parsed)
    return model.predict(model.features(parsed, longest, len(parsed)))
