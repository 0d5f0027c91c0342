"""What a model version says to each text when it is alone: the truth to hold results against.

    python alone.py < QUESTIONS > ANSWERS

Each line of QUESTIONS is `{"path": version directory, "build": form of its network, "text": ...}`;
the answers come in the same order. No dispatcher, worker or batch is involved: one text, one call,
in a loop.
"""

import json
import os
import sys
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}

from models.compression import serving
from models.live_model import LiveModel


def main() -> None:
    models: dict[tuple[str, str], LiveModel] = {}
    for line in sys.stdin:
        question = json.loads(line)
        form = question["path"], question["build"]
        model = models.get(form) or models.setdefault(form, loaded(*form))
        (answer,) = model.predict_texts([question["text"]])
        first, second = sorted(answer.scores.values(), reverse=True)[:2]
        said = {"label": answer.label, "score": answer.score, "margin": first - second}
        print(json.dumps(said))


def loaded(path: str, build: str) -> LiveModel:
    """A version, in the form that is told to have answered; folding is told and changes nothing."""
    model = LiveModel.load(Path(path))
    return serving.served(model, build) if build in (model.manifest.builds or {}) else model


if __name__ == "__main__":
    main()
