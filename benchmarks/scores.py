"""Scores of the starter versions on their test files: `python -m benchmarks.scores --data DIR`.

Each starter version is evaluated on the test file of each of its corpora, by the path that serves.
What `models.training.scoring` says is written as it is to `benchmarks/scores/`, one JSON a file,
and the table in README.md is made of those files alone.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from models.artifact import MANIFEST
from models.quiet import import_tensorflow
from models.training import seeds
from models.training.seeds import Seeds
from models.training.starters import STARTER_DIRECTORY, STARTERS, Starter
from schemas.errors import DataError, TextmillError

FOLDER = Path(__file__).parent / "scores"
README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- scores: made by make scores -->\n", "<!-- end of scores -->\n"
_COUNTS = ("entity_f1", "word_f1", "rouge_l", "accuracy")
"""Which score says most of a version: the first that it has."""
_SHOWN = ("accuracy", "macro_f1", "entity_f1", "word_f1", "rouge_1", "rouge_2", "rouge_l", "ece")


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One starter version on one test file."""

    model: str
    corpus: str
    examples: int
    left_out: int
    metrics: dict[str, float]


def main(
    data: Annotated[Path, typer.Option(help="Folder with one folder per corpus.")],
) -> None:
    """Score every starter version, then write the table into README.md."""
    pairs = shipped()
    paths = [data / corpus / "test.jsonl.gz" for _, corpus in pairs]
    if missing := [str(path) for path in paths if not path.exists()]:
        raise DataError(f"{', '.join(missing)}: not there; give DATA=, the folder of the corpora")
    import_tensorflow()
    FOLDER.mkdir(exist_ok=True)
    for (starter, corpus), path in zip(pairs, paths, strict=True):
        found = msgspec.json.encode(_score(starter, corpus, path))
        (FOLDER / f"{starter.name}.{corpus}.json").write_bytes(msgspec.json.format(found) + b"\n")
        typer.echo(f"{starter.name} on {corpus}")
    README.write_text(with_table(README.read_text("utf-8"), read(), seeds.read()), "utf-8")


def shipped() -> list[tuple[Starter, str]]:
    """Return every starter version that is there, with each of its corpora."""
    there = (one for one in STARTERS if (STARTER_DIRECTORY / one.name / MANIFEST).exists())
    return [(one, corpus) for one in there for corpus in one.corpora]


def read() -> list[Score]:
    """Return the scores that were written, by the names of their files."""
    return [
        msgspec.json.decode(path.read_bytes(), type=Score) for path in sorted(FOLDER.glob("*.json"))
    ]


def with_table(text: str, found: list[Score], spread: Mapping[str, Seeds]) -> str:
    """Return the text with the table of these scores between its two marks, and that of seeds."""
    before, _, rest = text.partition(BEGIN)
    tables = _table(found) + (_of_seeds(spread) if spread else "")
    return before + BEGIN + "\n" + tables + "\n" + END + rest.partition(END)[2]


def _score(starter: Starter, corpus: str, path: Path) -> Score:
    from models.live_model import LiveModel
    from models.training.scoring import evaluate

    found = evaluate(LiveModel.load(STARTER_DIRECTORY / starter.name), path)
    return Score(model=starter.name, corpus=corpus, **msgspec.structs.asdict(found))


def _table(found: list[Score]) -> str:
    shown = [name for name in _SHOWN if any(name in one.metrics for one in found)]
    rows = [["version", "test file of", "texts", *shown], ["---"] * (len(shown) + 3)]
    for one in found:
        values = (one.metrics.get(name) for name in shown)
        cells = [f"{value:.3f}" if value is not None else "" for value in values]
        rows.append([f"`{one.model}`", one.corpus, str(one.examples), *cells])
    return _lines(rows)


def _of_seeds(spread: Mapping[str, Seeds]) -> str:
    """Return mean and deviation of the score that counts, over all test files of a version."""
    rows = [["version", "score", "mean", "deviation", "seeds"], ["---"] * 5]
    for name, one in sorted(spread.items()):
        score = next(score for score in _COUNTS if f"test_{score}" in one.scores)
        found = one.scores[f"test_{score}"]
        numbers = [f"{found.mean:.3f}", f"{found.deviation:.3f}", str(len(one.seeds))]
        rows.append([f"`{name}`", score, *numbers])
    head = "\nThe same recipes with other seeds, all test files of a version together:\n\n"
    return head + _lines(rows)


def _lines(rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    try:
        typer.run(main)
    except TextmillError as error:
        sys.exit(f"make scores: {error}")
