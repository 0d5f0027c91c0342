"""Which columns a file must have."""

from collections.abc import Sequence

from producers.opening import shown
from schemas.errors import DataError


def require(name: str, needed: Sequence[str], header: Sequence[str]) -> None:
    """Refuse a file that says which columns it has and lacks one.

    Raises:
        DataError: names it, and those that are there.
    """
    for column in needed:
        if column not in header and column.partition(".")[0] not in header:
            there = ", ".join(header[:20]) or "it is empty"
            raise DataError(
                f"{shown(name)} has no column `{column}`: {there}. Name another one with "
                "--text-column or --id-column."
            )
