"""The Progress port: each dispatcher's rows, replaced as a whole, and what they say together.

A dispatcher that died or hangs says nothing more, and what it said last counts for a few seconds.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select

from schemas.tables import bulk_flight
from workers.sql.clock import now
from workers.sql.transaction import reading, written

FRESH: Final = timedelta(seconds=5)
"""How long a word counts; dispatchers say one each second."""
_columns = bulk_flight.c


class SqlBulkFlights:
    """What of bulk jobs is at the workers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def tell(self, dispatcher_id: str, running: Mapping[tuple[str, str], int]) -> None:
        """See `workers.ports.Progress`."""
        written(self._engine, lambda connection: _tell(connection, dispatcher_id, running))

    def running(self, bulk_id: str) -> Mapping[str, int]:
        """Documents of the job that are in batches at workers, by task."""
        each = select(_columns.task, func.sum(_columns.running)).group_by(_columns.task)
        with reading(self._engine) as connection:
            fresh = _columns.told_at > now(connection) - FRESH
            rows = connection.execute(each.where(_columns.bulk_id == bulk_id, fresh))
            return {task: int(number) for task, number in rows}


def _tell(
    connection: Connection, dispatcher_id: str, running: Mapping[tuple[str, str], int]
) -> None:
    told_at = now(connection)
    old = or_(_columns.dispatcher_id == dispatcher_id, _columns.told_at < told_at - FRESH)
    connection.execute(delete(bulk_flight).where(old))
    if running:
        rows = [
            {"bulk_id": bulk_id, "task": task, "running": number}
            for (bulk_id, task), number in sorted(running.items())
        ]
        whose = {"dispatcher_id": dispatcher_id, "told_at": told_at}
        connection.execute(insert(bulk_flight), [row | whose for row in rows])
