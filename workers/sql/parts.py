"""A part of a name: which names of the dictionary have it, and which answers have those.

Upper and lower case are one; `%` and `_` are characters as others. On PostgreSQL a part is looked
for in an index of trigrams where it has three letters or digits in a row, and in an index of
characters where some are beyond ASCII, so that one Chinese character is enough; else all names are
read. On SQLite all names are read always.
"""

import re
from typing import Final

from sqlalchemy import Column, Subquery, TextClause, column, text

from schemas.tables import result
from workers.sql.entity_names import LONGEST

_CHARACTERS: Final = r"string_to_array(regexp_replace(lower({}), '[\x01-\x7f]', '', 'g'), NULL)"
"""As in the index of characters, to the letter."""
PORTION: Final = 32
"""Names that the index of names is asked for at once: it compares each row that it finds with each
of them, and has to be asked again for the next ones."""
_FOUND: Final = """
    SELECT r.* FROM (
        SELECT array_agg(n.name) AS names FROM (
            SELECT d.name, row_number() OVER () / CAST(:portion AS integer) AS number
            FROM ({names}) AS d
        ) AS n GROUP BY n.number
    ) AS portion CROSS JOIN LATERAL (
        SELECT r.ctid AS at, r.* FROM result AS r WHERE r.names && portion.names OFFSET 0
    ) AS r
"""
"""The offset keeps other conditions away: the planner takes names for more frequent than they are,
and would read another index as a whole as well, or look in each row of some days for each of the
names."""
_SQLITE: Final = """
    EXISTS (SELECT 1 FROM json_each(result.names) AS n WHERE n.value IN ({names}))
"""
_OWN: Final = """
    strpos({joined}, {part}) > 0 AND EXISTS (
        SELECT 1 FROM unnest(result.names) AS n (name)
        WHERE strpos({name}, {part}) > 0 AND char_length(n.name) <= {longest}
    )
"""


def has_part(part: str, tenant: str | None, dialect: str) -> TextClause:
    """Whether a row of `result` has a name with this part, by the dictionary."""
    names, given = _names(part, tenant, dialect)
    if dialect == "sqlite":
        return text(_SQLITE.format(names=names)).bindparams(**given)
    found = _FOUND.format(names=names)
    has = f"result.ctid = ANY (ARRAY(SELECT f.at FROM ({found}) AS f))"  # noqa: S608
    return text(has).bindparams(**given, portion=PORTION)


def rows_with(part: str, tenant: str | None) -> Subquery:
    """The rows of `result` with such a name on PostgreSQL, and where each lies, `at`. One with two
    of them may be there twice."""
    names, given = _names(part, tenant, "postgresql")
    found = text(_FOUND.format(names=names)).bindparams(**given, portion=PORTION)
    columns = (Column(one.name, one.type) for one in result.c)
    return found.columns(column("at"), *columns).subquery("found")


def own_part(part: str) -> TextClause:
    """The same on PostgreSQL, by the row's own names: for rows that are read anyway."""
    joined = "array_to_string(result.names, E'\\n')"
    own = _OWN.format(
        joined=_folded(joined, part),
        name=_folded("n.name", part),
        part=_folded("CAST(:part AS text)", part),
        longest=LONGEST,
    )
    return text(own).bindparams(part=part)


def _names(part: str, tenant: str | None, dialect: str) -> tuple[str, dict[str, str]]:
    given = {"part": part}
    if dialect == "sqlite":
        found = [f"instr({_folded('name', part)}, {_folded(':part', part)}) > 0"]
    elif re.search(r"[^\W_]{3}", part):
        found = [r"lower(name) LIKE lower(CAST(:part AS text)) ESCAPE '\'"]
        given["part"] = "%" + re.sub(r"([\\%_])", r"\\\1", part) + "%"
    else:  # no operator that an index of trigrams would read as a whole for
        part_here = _folded("CAST(:part AS text)", part)
        found = [f"strpos({_folded('name', part)}, {part_here}) > 0"]
    if dialect != "sqlite" and not part.isascii():
        characters = _CHARACTERS.format("CAST(:part AS text)")
        found.append(f"{_CHARACTERS.format('name')} @> {characters}")
    if tenant is not None:
        found.append("tenant = :of_tenant")
        given["of_tenant"] = tenant
    return f"SELECT DISTINCT name FROM entity_name WHERE {' AND '.join(found)}", given  # noqa: S608


def _folded(sql: str, part: str) -> str:
    """What has letters in two cases is compared in one; the rest as it is, which is quicker."""
    return sql if part.lower() == part.upper() else f"lower({sql})"
