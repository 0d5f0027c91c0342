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

from sqlalchemy import Connection, select, tuple_

from schemas.record import Partition
from schemas.tables import partition_claim as claims

Key = tuple[str, int]


def key(partition: Partition) -> Key:
    """What names a partition in SQL: topics are known by their UUID."""
    return partition.topic_id, partition.number


def current_epochs(
    connection: Connection, partitions: Iterable[Partition], *, exclusive: bool
) -> Mapping[Key, int]:
    """The epochs of these partitions, which cannot change until the transaction ends."""
    columns = claims.c.topic_id, claims.c.partition
    statement = (
        select(*columns, claims.c.epoch)
        .where(tuple_(*columns).in_(sorted({key(partition) for partition in partitions})))
        .order_by(*columns)
        .with_for_update(read=not exclusive, key_share=not exclusive)
    )
    return {(topic, number): epoch for topic, number, epoch in connection.execute(statement)}
