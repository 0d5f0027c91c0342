"""What a model version says to each text when it is alone: the truth to hold results against.

    python alone.py < QUESTIONS > ANSWERS

Each line of QUESTIONS is `{"path": version directory, "text": ...}`; the answers come in the same
order. No dispatcher, worker or batch is involved: one text, one call, in a loop.
"""

import json
import os
import sys
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}

from models.live_model import LiveModel


def main() -> None:
    models: dict[str, LiveModel] = {}
    for line in sys.stdin:
        question = json.loads(line)
        path = question["path"]
        model = models.get(path) or models.setdefault(path, LiveModel.load(Path(path)))
        (answer,) = model.predict_texts([question["text"]])
        first, second = sorted(answer.scores.values(), reverse=True)[:2]
        said = {"label": answer.label, "score": answer.score, "margin": first - second}
        print(json.dumps(said))


if __name__ == "__main__":
    main()
