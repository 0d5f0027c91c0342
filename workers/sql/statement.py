"""SQL text with typed parameters: one text that both databases read alike."""

import re

from sqlalchemy import Table, TextClause, bindparam, text


def statement(sql: str, *tables: Table) -> TextClause:
    """`sql`, its parameters typed like the columns of the same name in `tables`."""
    named = set(re.findall(r"(?<!:):(\w+)", sql))
    columns = {column.name: column for table in tables for column in table.columns}
    return text(sql).bindparams(
        *(bindparam(name, type_=columns[name].type) for name in sorted(named & columns.keys()))
    )
