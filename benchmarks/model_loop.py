"""The bare model on the same texts: what the device gives when nothing else is to be done.

    python -m benchmarks.model_loop VERSION_DIRECTORY COUNT

`raw` is the limit: tokenised beforehand, sorted over all texts, best shapes, forward pass only.
`loop` is what a careful script does: windows of 1,024 texts, all three stages, answers thrown away.
Prints one line of JSON, in texts per second.
"""

import json
import sys
import time
from pathlib import Path

from benchmarks.texts import mix
from models.quiet import import_tensorflow

import_tensorflow()

from models.live_model import LiveModel  # noqa: E402
from models.shapes import plan  # noqa: E402

WINDOW = 1024


def load(directory: str) -> LiveModel:
    """The version in `directory`, warm."""
    model = LiveModel.load(Path(directory))
    model.predict_texts(mix(2 * WINDOW, seed=2))
    return model


def raw(model: LiveModel, texts: list[str]) -> float:
    """Texts per second of the forward pass alone."""
    parsed = model.parse_texts(texts)
    arrays = [
        model.features([parsed[index] for index in shape.indices], shape.length, shape.rows)
        for shape in plan([len(one.ids) for one in parsed])
    ]
    began = time.perf_counter()
    for features in arrays:
        model.predict(features)
    return len(texts) / (time.perf_counter() - began)


def loop(model: LiveModel, texts: list[str]) -> float:
    """Texts per second of parse, features and predict in windows."""
    began = time.perf_counter()
    for start in range(0, len(texts), WINDOW):
        model.predict_texts(texts[start : start + WINDOW])
    return len(texts) / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    model, texts = load(sys.argv[1]), mix(int(sys.argv[2]))
    print(json.dumps({"raw": raw(model, texts), "loop": loop(model, texts)}))


if __name__ == "__main__":
    main()
