"""What the version says to each text of a file without anything around it.

    python -m benchmarks.bulk.alone VERSION_DIRECTORY FILE.parquet

Prints one line of JSON: how many rows FILE has, how many of them have another label or another
score than the version gives (`wrong`), and how many have the other label of two that lie closer
than rounding (`near`).
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.bulk.source import blocks
from benchmarks.bulk.verdict import judged
from benchmarks.peers.model import load
from models.sharing import folded
from models.traces import Traces

TEXTS = 4096


def main() -> None:
    """Ask and compare."""
    model = load(Path(sys.argv[1]))
    model = folded(model, Traces()) or model  # the same answers, sooner
    columns = ("text", f"{model.manifest.task}_label", f"{model.manifest.task}_score")
    counts = {"rows": 0, "wrong": 0, "near": 0}
    for block in blocks(Path(sys.argv[2]), columns):
        texts, *told = (block.column(name).to_pylist() for name in columns)
        for first in range(0, len(texts), TEXTS):
            answers = model.predict_texts(texts[first : first + TEXTS])
            for answer, label, score in zip(answers, *_cut(told, first), strict=True):
                counts["rows"] += 1
                if (verdict := judged(answer, label, score)) is not None:
                    counts[verdict] += 1
    print(json.dumps(counts))


def _cut(columns: list[list[Any]], first: int) -> list[list[Any]]:
    return [column[first : first + TEXTS] for column in columns]


if __name__ == "__main__":
    main()
