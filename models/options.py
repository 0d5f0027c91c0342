"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.model_version import LANGUAGES, Language
from schemas.task import Task

TaskName = Annotated[
    Task | None, typer.Option(help="What the model answers; not with [[tasks]] in the recipe.")
]
Train = Annotated[
    list[Path] | None,
    typer.Option(
        "--train", help="Training texts: .jsonl .csv .tsv .parquet .conll, .gz; repeatable."
    ),
]
Dev = Annotated[
    list[Path] | None, typer.Option(help="Texts to choose the best epoch by; repeatable.")
]
Data = Annotated[
    Path | None,
    typer.Option(help="Folder that [[tasks]] name their files from; the recipe's else."),
]
Raw = Annotated[
    list[Path] | None, typer.Option(help="Unlabelled texts for the first vectors; repeatable.")
]
Vectors = Annotated[
    Path | None,
    typer.Option(help="Word vectors to start from: word2vec, fastText or GloVe as text (.gz)."),
]
Lexicon = Annotated[
    Path | None,
    typer.Option(help="Dictionary for `[encoder.features]`: word, count, kind in a line (.gz)."),
]
InitFrom = Annotated[
    Path | None, typer.Option(help="Version directory whose encoder to start from.")
]
AnyLanguage = Annotated[
    bool, typer.Option("--any-language", help="Take texts that read as another language.")
]

TextColumn = Annotated[
    str | None, typer.Option(help="Key or column of the text; by default the task's own name.")
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Key or column of the label; by default the task's own name.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="End at the first bad line; else it is left out.")
]


def language(lang: str) -> Language:
    """Return what `--lang` names; SettingsError where it is no language of ours."""
    for known in LANGUAGES:
        if lang == known:
            return known
    raise SettingsError(f"--lang {lang!r}: choose one of {', '.join(LANGUAGES)}")


def check_start(vectors: Path | None, lexicon: Path | None, parent: Path | None) -> None:
    """Raise SettingsError where two of a training's options say where it starts from."""
    if vectors and parent:
        raise SettingsError("--vectors and --init-from both give the first vectors: choose one")
    if lexicon and parent:
        raise SettingsError("--lexicon and --init-from: the parent's lexicon comes with it")
