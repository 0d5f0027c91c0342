"""Where a list of answers goes on: after a row, whatever arrives meanwhile."""

import base64
from datetime import datetime

import msgspec

from schemas.errors import UsageError


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A place in a list of answers of one task."""

    created_at: datetime
    tenant: str
    job_id: str
    run: int

    def __str__(self) -> str:
        """Return the place as one word that `place_of` reads."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def place_of(word: str) -> Place:
    """The place that was written as this word.

    Raises:
        UsageError: it is no such word.
    """
    try:
        padded = word + "=" * (-len(word) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Place)
    except (ValueError, msgspec.DecodeError):
        raise UsageError(
            f"`--after {word[:40]}` is no place in a list: take the word that the page before named"
        ) from None
