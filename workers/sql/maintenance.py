"""Old rows leave the store: by age, in small transactions, and only where nothing needs them.

A row of `result` or `ending` says how its record ended. It may go once its partition's watermark
has passed the record, for then nobody asks again; until then it stays, whatever its age. A job that
is sent again after its row left is answered again. An answer that a row of a later bulk job has
stays as long as that row.

Names leave the dictionary with the last answer that had them.

Rows leave in portions, each a transaction of its own, so that writers never wait long, and a
repetition after an interruption goes on.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, TextClause, bindparam, text

from schemas.columns import UtcDateTime
from workers.sql import unused_names
from workers.sql.bulk_texts import no_decisions
from workers.sql.transaction import reading, written

PORTION: Final = 5000
"""Rows of a transaction."""

_PASSED: Final = """
    FROM {table} AS old WHERE old.created_at < :before AND EXISTS (
        SELECT 1 FROM partition_claim AS c
        WHERE c.topic_id = old.topic_id AND c.partition = old.partition
          AND c.next_offset > old.record_offset
    )
"""
_ENDED_BULK: Final = """
    FROM bulk AS old WHERE old.changed_at < :before AND (
        old.state = 'cancelled' OR old.state = 'active' AND old.submitted_at < :before
    )
"""
"""A paused job stays: without its row nobody would know that it is paused, and would answer it."""
_OF_ENDED_BULK: Final = (
    f"FROM {{table}} AS old WHERE old.bulk_id IN (SELECT old.bulk_id {_ENDED_BULK})"
)
"""Before their jobs, which they do not go with; and before results, which they hold."""
_NOBODYS: Final = "AND NOT EXISTS (SELECT 1 FROM bulk_earlier AS e WHERE e.job_id = {of}.job_id)"
_WITH_ITS_RESULT: Final = f"""
    FROM result_outbox AS old WHERE NOT EXISTS (
        SELECT 1 FROM result AS r
        WHERE r.topic_id = old.topic_id AND r.partition = old.partition
          AND r.record_offset = old.record_offset AND NOT (
              r.created_at < :before AND EXISTS (
                  SELECT 1 FROM partition_claim AS c
                  WHERE c.topic_id = r.topic_id AND c.partition = r.partition
                    AND c.next_offset > r.record_offset
              ) {_NOBODYS.format(of="r")}
          )
    )
"""  # noqa: S608
"""Before the results, so that none is told that is gone."""
_RECORD: Final = "topic_id, partition, record_offset"
_OLD: Final[Mapping[str, tuple[str, str]]] = {
    "bulk_text": ('bulk_id, "row"', _OF_ENDED_BULK.format(table="bulk_text")),
    "bulk_earlier": ('bulk_id, "row"', _OF_ENDED_BULK.format(table="bulk_earlier")),
    "result_outbox": ("id", _WITH_ITS_RESULT),
    "result": (_RECORD, _PASSED.format(table="result") + _NOBODYS.format(of="old")),
    "shadow_result": (_RECORD + ", model_version_id", _PASSED.format(table="shadow_result")),
    "ending": (_RECORD, _PASSED.format(table="ending")),
    "bulk": ("bulk_id", _ENDED_BULK),
}
"""By table its key, and which of its rows may go; dead letters and pieces of bulk jobs go with
theirs."""


def old_rows(engine: Engine, before: datetime) -> dict[str, int]:
    """How many rows of each table may go that are older."""
    with reading(engine) as connection:
        counted = {table: _timed(f"SELECT count(*) {old}") for table, (_, old) in _OLD.items()}
        given = {"before": before}
        found = {table: connection.execute(c, given).scalar_one() for table, c in counted.items()}
    return found | {"entity_name": unused_names.unused(engine, before)}


def remove_old_rows(engine: Engine, before: datetime) -> dict[str, int]:
    """Let them go; how many did."""
    removed = {table: _remove(engine, table, before) for table in _OLD}
    return removed | {"entity_name": unused_names.remove(engine, before)}


def _remove(engine: Engine, table: str, before: datetime) -> int:
    key, old = _OLD[table]
    columns = ", ".join(f"old.{name.strip()}" for name in key.split(","))
    portion = _timed(
        f"DELETE FROM {table} WHERE ({key}) IN (SELECT {columns} {old} LIMIT {PORTION})"  # noqa: S608
    )

    def leave(connection: Connection) -> int:
        if table == "result":
            no_decisions(connection)
        return connection.execute(portion, {"before": before}).rowcount

    removed = 0
    while number := written(engine, leave):
        removed += number
    return removed


def _timed(sql: str) -> TextClause:
    return text(sql).bindparams(bindparam("before", type_=UtcDateTime))
