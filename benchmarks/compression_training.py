"""What distillation and pruning give: `python -m benchmarks.compression_training --data DIR`.

`intent-en` is the teacher. A student with a fraction of its filters learns from it, and the same
student from the labels alone; and the teacher itself loses most of its filters. All are scored on
the test file, and their speed is taken in turns in one run, over the grid of shapes, as they were
trained and as a worker here serves them (folded). Versions that are in FOLDER already are not made
again: a quarter of an hour on two cores else.
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import options, report
from benchmarks.processes import ROOT
from models.quiet import import_tensorflow
from schemas.errors import TextmillError

TEACHER = ROOT / "models" / "starter" / "intent-en"
STUDENT = ROOT / "models" / "recipes" / "intent-en-small.toml"
CORPUS = "en_cls_clinc150"
KEEP, VARIANTS = "0.35", "4"
_TEXTMILL = (sys.executable, "-c", "from workers.cli import main; main()")


def main(
    data: Annotated[Path, typer.Option(help="Folder with one folder per corpus.")],
    folder: Annotated[Path, typer.Option(help="Where the versions go.")] = Path("runs/smaller"),
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Make the versions that are not there, then measure all."""
    corpus = data / CORPUS
    for name, order in orders(corpus).items():
        if not (folder / name).exists():
            report.say(f"{name}: being made")
            made = subprocess.run([*_TEXTMILL, *order, "--out", str(folder / name)], check=False)
            if made.returncode:
                raise TextmillError(f"{name} could not be made: see above")
    directories = {"teacher": TEACHER, **{name: folder / name for name in orders(corpus)}}
    found = measured(directories, corpus / "test.jsonl.gz")
    report.finish({"benchmark": "compression-training", **found}, as_json, out)


def orders(corpus: Path) -> dict[str, tuple[str, ...]]:
    """Return the command that makes each version, by its name."""
    train, dev = (str(corpus / f"{split}.jsonl.gz") for split in ("train", "dev"))
    distil = ("compress", "distil", "--teacher", str(TEACHER), "--student", str(STUDENT))
    alone = ("train", "--task", "classification", "--lang", "en", "--config", str(STUDENT))
    prune = ("compress", "prune", str(TEACHER), "--keep", KEEP, "--epochs", "3")
    given = ("--data", train, "--dev", dev, "--name", "intent-en")
    return {
        "distilled": (*distil, "--variants", VARIANTS, *given),
        "alone": (*alone, "--train", train, "--dev", dev, "--name", "intent-en"),
        "pruned": (*prune, *given),
    }


def measured(directories: dict[str, Path], test: Path) -> dict[str, Any]:
    """Return score and speed of each version, and what it is against the first."""
    import_tensorflow()
    from models.compression import against, measure
    from models.live_model import LiveModel

    models = {name: LiveModel.load(path) for name, path in directories.items()}
    speeds = dict(zip(models, against.speeds(list(models.values())), strict=True))
    scores = {name: measure.score(one, test) for name, one in models.items()}
    first = next(iter(models))
    return {
        name: {
            "score": round(scores[name], 4),
            "loss": round(100 * (scores[first] - scores[name]), 2),
            "kept": round(scores[name] / scores[first], 4),
            "texts_per_s": round(speeds[name].served),
            "ratio": report.ratio(speeds[name].served, speeds[first].served),
            "texts_per_s_as_trained": round(speeds[name].trained),
            "ratio_as_trained": report.ratio(speeds[name].trained, speeds[first].trained),
            "bytes": against.weights(directories[name]),
        }
        for name in models
    }


if __name__ == "__main__":
    options.start(main)
