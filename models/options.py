"""Options that several commands share."""

from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.model_version import LANGUAGES, Language

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
