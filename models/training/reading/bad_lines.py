"""Telling a person of bad lines without burying the terminal: the first one by one, then how many.

Where somebody wants none at all (`--strict`), the first one ends the reading.
"""

from collections.abc import Callable

from models.training.reading.corpus import Reading
from schemas.errors import DataError

SHOWN = 20


class BadLines:
    """Counts complaints and says the first of them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._heard: set[int] = set()  # joint courses read a file more than once

    def __enter__(self) -> "BadLines":
        return self

    def __exit__(self, *_: object) -> None:
        if self._heard:
            self._say(f"{len(self._heard)} bad lines were left out (--strict: none may be)")

    def reading(
        self,
        *,
        strict: bool = False,
        text_column: str | None = None,
        label_column: str | None = None,
        any_language: bool = False,
    ) -> Reading:
        """Return how files are read whose bad lines come here."""
        return Reading(
            text_column=text_column,
            label_column=label_column,
            any_language=any_language,
            on_bad_line=None if strict else self._hear,
            warn=self._say,
        )

    def _hear(self, error: DataError) -> None:
        heard = hash(str(error))
        if heard not in self._heard and len(self._heard) < SHOWN:
            self._say(f"left out: {error}")
        self._heard.add(heard)
