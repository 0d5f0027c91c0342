"""Which columns of a file are read, and what becomes of a row of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from schemas.errors import DataError


class Columns(NamedTuple):
    """Names of columns, in the order of the struct that a row becomes."""

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    """Read where the file has them."""

    @classmethod
    def of(cls, kind: type[Any], given: tuple[str | None, ...] = ()) -> "Columns":
        """Return the columns of a struct; those that somebody has `given` are needed."""
        fields = msgspec.structs.fields(kind)
        needed = tuple(
            one.encode_name for one in fields if one.required or one.encode_name in given
        )
        others = (one.encode_name for one in fields if one.encode_name not in needed)
        return cls(needed, tuple(others))

    def found(self, path: Path, names: list[str]) -> list[str]:
        """Return those that a file with the columns `names` has; DataError where one is missing."""
        if missing := [name for name in self.needed if name not in names]:
            raise DataError(
                f"{path} has no column {', '.join(missing)}: name the columns with --text-column "
                "and --label-column"
            )
        return [name for name in names if name in self.needed or name in self.optional]


def decoder(kind: type[Any]) -> Callable[[Any], Any]:
    """Return what turns a mapping of columns to values into a `kind`; an error is raised as it is.

    A null in an optional column is as good as no such column.
    """
    optional = Columns.of(kind).optional

    def decode(row: Any) -> Any:
        if isinstance(row, Exception):
            raise row
        given = {key: one for key, one in row.items() if one is not None or key not in optional}
        return msgspec.convert(given, kind)

    return decode
