"""The fence: only the latest claim on a partition may settle its records.

On PostgreSQL the claims' rows are locked until the transaction ends, in one order everywhere:

    who                              lock            waits for
    record() of answers              FOR KEY SHARE   claim, end
    end(), record() with endings     FOR UPDATE      claim, end, record
    claim()                          FOR UPDATE      claim, end, record
    advance()                        plain UPDATE    claim, end

So workers do not wait for each other, nor for the watermark. A claim sees all that the workers of
its predecessors have stored, and later ones see the claim. Of a result and an ending for the same
record, the second comer sees the first. On SQLite `BEGIN IMMEDIATE` does all that.
"""

from collections.abc import Iterable, Mapping

from msgspec import json
from sqlalchemy import Connection

from schemas.record import Partition

Key = tuple[str, int]

_POSTGRESQL = """
    SELECT topic_id, partition, epoch FROM partition_claim
    WHERE (topic_id, partition) IN
          (SELECT * FROM unnest(%(topics)s::text[], %(numbers)s::int[]))
    ORDER BY topic_id, partition FOR
"""
_SQLITE = """
    SELECT topic_id, partition, epoch FROM partition_claim
    WHERE (topic_id, partition) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))
"""


def key(partition: Partition) -> Key:
    """What names a partition in SQL: topics are known by their UUID."""
    return partition.topic_id, partition.number


def current_epochs(
    connection: Connection, partitions: Iterable[Partition], *, exclusive: bool
) -> Mapping[Key, int]:
    """The epochs of these partitions, which cannot change until the transaction ends."""
    keys = sorted({key(partition) for partition in partitions})
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(_SQLITE, (json.encode(keys).decode(),))
    else:
        named = {"topics": [one[0] for one in keys], "numbers": [one[1] for one in keys]}
        lock = "UPDATE" if exclusive else "KEY SHARE"
        found = connection.exec_driver_sql(_POSTGRESQL + lock, named)
    return {(topic, number): epoch for topic, number, epoch in found}
