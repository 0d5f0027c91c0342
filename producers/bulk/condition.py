"""`--where`: which rows of the input are wanted, by the value of a column.

    stars>=4     lang=en     title~refund     note!=

`=` and `!=` compare as written, `~` looks for a part, whatever the case; `<`, `<=`, `>`, `>=`
compare numbers where both are numbers, else letters. A row without the column has an empty value.
"""

import operator
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from producers.rows import value_at
from schemas.errors import UsageError

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_WRITTEN: Final = re.compile(r"\s*([^=<>!~]+?)\s*(<=|>=|!=|=|<|>|~)(.*)", re.DOTALL)


class Condition(msgspec.Struct, frozen=True):
    """A column, how it is compared, and with what."""

    column: str
    how: str
    value: str

    def holds(self, values: dict[str, Any]) -> bool:
        """Whether this row is wanted."""
        found = value_at(values, self.column)
        said = "" if found is None else found if isinstance(found, str) else _as_text(found)
        if self.how in {"=", "!="}:
            return (said == self.value) is (self.how == "=")
        if self.how == "~":
            return self.value.casefold() in said.casefold()
        numbers = _number(said), _number(self.value)
        if None in numbers:
            return bool(said) and _ORDERS[self.how](said, self.value)
        return _ORDERS[self.how](*numbers)


def parse(words: str) -> Condition:
    """The condition that these words are.

    Raises:
        UsageError: they are none.
    """
    if not (found := _WRITTEN.fullmatch(words)):
        raise UsageError(
            f"`--where {words[:40]}` is no condition: write COLUMN=VALUE, or one of != < <= > >= ~ "
            "between them."
        )
    return Condition(found[1], found[2], found[3].strip())


def _as_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
