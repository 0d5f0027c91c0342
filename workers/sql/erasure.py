"""One job leaves the store: every copy of its text and answer, and the names that it alone had;
that it was there stays known.

A record must keep a terminal state, or it would be answered again. So the answer's place is taken
by an ending, CANCELLED with the reason `erased`, under the same coordinates. The claims are locked
meanwhile, so that no worker writes the answer between the two.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    exists,
    select,
    tuple_,
    update,
)

from schemas.record import Ending, Partition, Terminal
from schemas.tables import dead_letter, ending, result, result_outbox, shadow_result
from workers.sql.bulk_texts import forget, no_decisions
from workers.sql.endings import insert_endings
from workers.sql.entity_names import hold_names, remove_unused
from workers.sql.fence import current_epochs
from workers.sql.transaction import written

REASON: Final = "erased"


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """How many copies there were."""

    answers: int
    shadow_answers: int
    dead_letters: int


def erase(engine: Engine, tenant: str, job_id: str) -> Erased:
    """Erase a job's answers, shadow answers and dead letters, and let none be told any more; rows
    of bulk jobs that had its answers lack them from then on. Safe to repeat."""
    return written(engine, partial(_erase, tenant=tenant, job_id=job_id))


def _erase(connection: Connection, *, tenant: str, job_id: str) -> Erased:
    mine = and_(result.c.tenant == tenant, result.c.job_id == job_id)
    found = connection.execute(
        select(result.c.topic_id, result.c.partition, result.c.topic).where(mine).distinct()
    ).all()
    partitions = [Partition(row.topic_id, row.partition, row.topic) for row in found]
    current_epochs(connection, partitions, exclusive=True)
    hold_names(connection)
    no_decisions(connection)
    rows = connection.execute(select(result).where(mine)).all()
    forget(connection, tenant, job_id)
    _erase_waiting(connection, mine)
    connection.execute(delete(result).where(mine))
    remove_unused(connection, sorted({(tenant, name) for row in rows for name in row.names or ()}))
    tombstones = [
        Ending(
            partition=Partition(row.topic_id, row.partition, row.topic),
            offset=row.record_offset,
            epoch=0,
            state=Terminal.CANCELLED,
            reason=REASON,
            tenant=tenant,
            job_id=job_id,
            bulk_id=row.bulk_id,
        )
        for row in rows
    ]
    insert_endings(connection, tombstones, datetime.now(UTC))
    shadows = and_(shadow_result.c.tenant == tenant, shadow_result.c.job_id == job_id)
    return Erased(
        answers=len(rows),
        shadow_answers=connection.execute(delete(shadow_result).where(shadows)).rowcount,
        dead_letters=_erase_letters(connection, tenant, job_id),
    )


def _erase_waiting(connection: Connection, mine: ColumnElement[bool]) -> None:
    """What waits for its topic waits no more; one that is published meanwhile is waited for."""
    place, of = _record(result_outbox), _record(result)
    connection.execute(delete(result_outbox).where(tuple_(*place).in_(select(*of).where(mine))))


def _record(table: Table) -> list[Column[Any]]:
    return [table.c[name] for name in ("topic_id", "partition", "record_offset")]


def _erase_letters(connection: Connection, tenant: str, job_id: str) -> int:
    """What dead letters hold becomes nothing; that there was one stays."""
    theirs = exists().where(
        ending.c.topic_id == dead_letter.c.topic_id,
        ending.c.partition == dead_letter.c.partition,
        ending.c.record_offset == dead_letter.c.record_offset,
        ending.c.tenant == tenant,
        ending.c.job_id == job_id,
    )
    held = and_(theirs, dead_letter.c.raw != b"")
    return connection.execute(update(dead_letter).where(held).values(raw=b"", size=0)).rowcount
