"""What cascades and early exit win and lose: `python -m benchmarks.conditional --strong DIR …`.

    python -m benchmarks.conditional --strong gru --version cascade --version exits \\
        --test test.jsonl.gz --json

Every version answers the test texts in turns with the strong one, as workers run them, parsing
included; the shortest run of each counts. The figures of one run may be compared with each other,
and with nothing else.

    texts_per_s   of the test texts                       ratio         of it to the strong version
    score         on the test texts, 0 to 1               loss          points of it that are lost
    agreement     share answered as the strong one does   early_share   answered before the last one

The aim of a cascade: at least twice as fast at 0.3 points at most.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from benchmarks import options
from models.quiet import import_tensorflow
from schemas.prediction import Prediction

LAST: Final = ("strong", "last")
"""What a version's last network is called; whatever else answered was early."""


def main(
    strong: Annotated[Path, typer.Option(help="Version directory that all are compared with.")],
    version: Annotated[list[Path], typer.Option(help="Conditional version; repeatable.")],
    test: Annotated[Path, typer.Option(help="Labelled texts that nothing was tuned on.")],
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each, after one unmeasured.")] = 5,
    as_json: options.Json = False,
) -> None:
    """Measure conditional versions beside the strong one that they come from."""
    import_tensorflow()
    from models import loading
    from models.compression import measure, trial_texts
    from models.training.reading.corpus import Reading

    models = [loading.load(one) for one in (strong, *version)]
    for one in models:
        one.warm_up([(16, 1), (32, 64)])
    texts = trial_texts.read(test, models[0].manifest, Reading())
    parsed = texts.parse(models[0])
    answers = [one.predict_parsed(texts.parse(one)) for one in models]
    scores = [texts.score(models[0], parsed, one) for one in answers]
    served = [loading.as_served(one) for one in models]
    pace = measure.of_questions(served, texts.questions, rounds)
    rows = {
        path.name: {
            "method": made.method if (made := model.manifest.compression) else "none",
            "texts_per_s": round(pace[at], 1),
            "ratio": round(pace[at] / pace[0], 3),
            "score": round(scores[at], 4),
            "loss": round(100 * (scores[0] - scores[at]), 2),
            "agreement": round(measure.agreement(answers[at], answers[0]), 4),
            "early_share": early_share(answers[at]),
        }
        for at, (path, model) in enumerate(zip((strong, *version), models, strict=True))
    }
    _print(rows, as_json)


def early_share(answers: Sequence[Prediction]) -> float:
    """Return the share of answers that did not need the last network; 0 where there is one only."""
    early = sum(one.build is not None and one.build not in LAST for one in answers)
    return round(early / max(1, len(answers)), 4)


def _print(rows: dict[str, dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(rows).decode())
        return
    for name, row in rows.items():
        typer.echo(f"{name:20}" + "".join(f"{key} {value}  " for key, value in row.items()))


if __name__ == "__main__":
    options.start(main)
