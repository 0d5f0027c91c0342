"""The device's limit: tokenised beforehand, sorted over all texts, no input and no output.

    python -m benchmarks.peers.raw_limit VERSION_DIRECTORY TEXTS.json

The arrays are ready before the clock starts; what is timed is the network on them and the label of
each row. Several sizes of array are tried, padded to a step of the worker's grid or to the longest
text in them, and the fastest counts. The network is the one that was trained, as peers run it;
`folded_texts_per_s` is the speed of the folded one (`models.folding`), where there is one. A text
beyond the longest input is cut to it and has no label here, since others read it in windows. Prints
one line of JSON.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tensorflow as tf

from benchmarks.peers.model import load
from models import sharing
from models.shapes import Shape
from models.traces import Traces

BUDGETS = (2048, 4096, 8192, 16_384)
"""Padded tokens of an array that are tried."""


def run(model: Any, parsed: list[Any], budget: int, tight: bool) -> dict[str, Any]:
    """Time all texts in arrays of at most `budget` padded tokens.

    Args:
        model: the version.
        parsed: all texts.
        budget: padded tokens of an array at most, by the grid.
        tight: whether arrays are only as long as their longest text.
    """
    lengths = [len(one.ids) for one in parsed]
    shapes = model.cut(lengths, budget, model.lengths)
    if tight:
        shapes = [_tight(one, lengths) for one in shapes]
    arrays = [
        tf.convert_to_tensor(
            model.features([parsed[i] for i in shape.indices], shape.length, shape.rows).ids
        )
        for shape in shapes
    ]
    for array in arrays[:: max(1, len(arrays) // 40)]:
        model.answerer.run(array)
    began, used = time.perf_counter(), time.process_time()
    best = [  # a compiled function may give more rows than it is given
        np.argmax(model.answerer.run(array)[0].numpy()[: shape.rows], axis=1)
        for shape, array in zip(shapes, arrays, strict=True)
    ]
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - used
    labels = model.manifest.labels
    return {
        "texts_per_s": len(parsed) / seconds,
        "cpu_s_per_1000": cpu_s / len(parsed) * 1000,
        "budget": budget,
        "tight": tight,
        "padding_efficiency": sum(lengths) / sum(shape.padded for shape in shapes),
        "labels": {
            number: labels[row]
            for shape, rows in zip(shapes, best, strict=True)
            for number, row in zip(shape.indices, rows, strict=True)
            if parsed[number].tokens <= model.manifest.max_length
        },
    }


def main() -> None:
    """Measure and print."""
    model = load(Path(sys.argv[1]))
    texts = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=list[str])
    parsed = [msgspec.structs.replace(one, windows=()) for one in model.parse_texts(texts)]
    longest = model.manifest.max_length
    parsed = [msgspec.structs.replace(one, ids=one.ids[:longest]) for one in parsed]
    folded = sharing.folded(model, Traces())
    faster = _speed(best(folded, parsed)) if folded else None
    print(json.dumps(best(model, parsed) | {"folded_texts_per_s": faster}))


def best(model: Any, parsed: list[Any]) -> dict[str, Any]:
    """The fastest of all that is tried."""
    tried = [run(model, parsed, budget, tight) for budget in BUDGETS for tight in (False, True)]
    return max(tried, key=_speed)


def _tight(shape: Shape, lengths: list[int]) -> Shape:
    longest = max(lengths[index] for index in shape.indices)
    return shape._replace(length=longest, padded=longest * shape.rows)


def _speed(found: dict[str, Any]) -> float:
    return float(found["texts_per_s"])


if __name__ == "__main__":
    main()
