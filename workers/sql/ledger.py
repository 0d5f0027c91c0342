"""The Ledger port: claims, watermarks, exceptions and the outbox of dead letters.

A watermark and an epoch only ever rise; a claim that is not the latest changes no row.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, bindparam, or_, select, update
from sqlalchemy.sql.dml import Update

from schemas.record import Ending, Partition
from schemas.tables import dead_letter, ending, partition_claim, result
from workers.ports import Claim
from workers.sql.endings import insert_endings
from workers.sql.fence import current_epochs, key
from workers.sql.letters import unpublished
from workers.sql.statement import statement
from workers.sql.transaction import reading, retried, written

claims = partition_claim.c

ENTER = statement(
    """
    INSERT INTO partition_claim (topic_id, partition, topic, epoch, owner, claimed_at)
    VALUES (:topic_id, :partition, :topic, 0, :owner, :claimed_at)
    ON CONFLICT DO NOTHING
    """,
    partition_claim,
)


class SqlLedger:
    """The dispatcher's side of the store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, partition: Partition, owner: str) -> Claim:
        """See `workers.ports.Ledger`."""
        return written(self._engine, lambda connection: _claim(connection, partition, owner))

    def advance(self, marks: Mapping[Partition, tuple[int, int]]) -> frozenset[Partition]:
        """See `workers.ports.Ledger`."""
        if not marks:
            return frozenset()
        return written(self._engine, lambda connection: _advance(connection, marks))

    def end(self, endings: Sequence[Ending]) -> frozenset[Partition]:
        """See `workers.ports.Ledger`."""
        if not endings:
            return frozenset()
        return written(self._engine, lambda connection: _end(connection, endings))

    def dead_letters_to_publish(self, limit: int) -> Sequence[tuple[int, bytes]]:
        """See `workers.ports.Ledger`. Two who ask at once get the same letters."""

        def letters() -> Sequence[tuple[int, bytes]]:
            with reading(self._engine) as connection:
                return unpublished(connection, limit)

        return retried(letters)

    def mark_published(self, ids: Sequence[int]) -> None:
        """See `workers.ports.Ledger`."""
        marking = (
            update(dead_letter)
            .where(dead_letter.c.id.in_(ids), dead_letter.c.published_at.is_(None))
            .values(published_at=datetime.now(UTC))
        )
        if ids:
            written(self._engine, lambda connection: connection.execute(marking))


def _claim(connection: Connection, partition: Partition, owner: str) -> Claim:
    topic_id, number = key(partition)
    fresh = {"topic": partition.topic, "owner": owner, "claimed_at": datetime.now(UTC)}
    connection.execute(ENTER, {"topic_id": topic_id, "partition": number, **fresh})
    current_epochs(connection, [partition], exclusive=True)
    epoch, next_offset = connection.execute(
        update(partition_claim)
        .where(claims.topic_id == topic_id, claims.partition == number)
        .values(epoch=claims.epoch + 1, **fresh)
        .returning(claims.epoch, claims.next_offset)
    ).one()
    return Claim(
        partition, epoch, next_offset, _settled_from(connection, partition, next_offset or 0)
    )


def _settled_from(connection: Connection, partition: Partition, offset: int) -> frozenset[int]:
    topic_id, number = key(partition)
    return frozenset(
        settled
        for table in (result, ending)
        for settled in connection.execute(
            select(table.c.record_offset).where(
                table.c.topic_id == topic_id,
                table.c.partition == number,
                table.c.record_offset >= offset,
            )
        ).scalars()
    )


ADVANCE: Update = (
    update(partition_claim)
    .where(
        claims.topic_id == bindparam("of_topic"),
        claims.partition == bindparam("of_partition"),
        claims.epoch == bindparam("of_epoch"),
        or_(claims.next_offset.is_(None), claims.next_offset < bindparam("mark")),
    )
    .values(next_offset=bindparam("mark"))
)


def _advance(
    connection: Connection, marks: Mapping[Partition, tuple[int, int]]
) -> frozenset[Partition]:
    connection.execute(
        ADVANCE,
        [
            {"of_topic": topic_id, "of_partition": number, "of_epoch": epoch, "mark": mark}
            for (topic_id, number, _), (epoch, mark) in sorted(marks.items())
        ],
    )
    epochs = current_epochs(connection, marks, exclusive=False)
    return frozenset(p for p, (epoch, _) in marks.items() if epochs.get(key(p)) != epoch)


def _end(connection: Connection, endings: Sequence[Ending]) -> frozenset[Partition]:
    epochs = current_epochs(connection, {item.partition for item in endings}, exclusive=True)
    ours = [item for item in endings if epochs.get(key(item.partition)) == item.epoch]
    insert_endings(connection, ours, datetime.now(UTC))
    return frozenset(e.partition for e in endings if epochs.get(key(e.partition)) != e.epoch)
