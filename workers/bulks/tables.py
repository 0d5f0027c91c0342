"""Tables in memory, as Parquet can hold them."""

from collections.abc import Sequence
from typing import Any

from schemas.errors import UsageError


def table_of(rows: Sequence[dict[str, Any]]) -> Any:
    """Rows as an Arrow table; a column that one lacks is null there.

    Raises:
        UsageError: a column holds values that no one type has.
    """
    import pyarrow as pa

    columns = dict.fromkeys(name for row in rows for name in row)
    try:
        return pa.table({name: pa.array([row.get(name) for row in rows]) for name in columns})
    except (pa.ArrowException, OverflowError) as error:
        raise UsageError(f"The rows are no table: {error}.") from None


def storable(table: Any) -> Any:
    """The Arrow table with categories as Parquet can write them: Polars has string views there."""
    import pyarrow as pa

    for place, name in enumerate(table.column_names):
        kind = table.schema.field(place).type
        if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
            chunks = [_spelt(chunk) for chunk in table.column(place).chunks]
            wanted = pa.dictionary(kind.index_type, pa.large_string(), kind.ordered)
            table = table.set_column(place, name, pa.chunked_array(chunks, wanted))
    return table


def _spelt(chunk: Any) -> Any:
    import pyarrow as pa

    words = chunk.dictionary.cast(pa.large_string())
    return pa.DictionaryArray.from_arrays(chunk.indices, words, ordered=chunk.type.ordered)
