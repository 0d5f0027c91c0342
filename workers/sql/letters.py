"""Dead letters as they go to their topic: JSON that any program can read, raw bytes in base64."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Row, select

from schemas.tables import dead_letter, ending


class Letter(msgspec.Struct, frozen=True, kw_only=True, rename={"raw": "raw_base64"}):
    """One message of the dead-letter topic, version 1."""

    v: int = 1
    topic: str
    partition: int
    offset: int
    state: str
    """How the record ended: INVALID, CONFLICT, QUARANTINED …"""
    reason: str
    """Stable code."""
    detail: str
    """For people; without the text of the job."""
    tenant: str | None
    job_id: str | None
    """None when the record was not understood."""
    raw: bytes
    """The first 64 KiB of the record's value; base64 in JSON."""
    size: int
    """Bytes of the whole value."""
    created_at: datetime


_encode = msgspec.json.Encoder().encode

LETTERS = (
    select(
        dead_letter.c.id,
        dead_letter.c.topic,
        dead_letter.c.partition,
        dead_letter.c.record_offset,
        ending.c.state,
        dead_letter.c.reason,
        dead_letter.c.detail,
        ending.c.tenant,
        ending.c.job_id,
        dead_letter.c.raw,
        dead_letter.c.size,
        dead_letter.c.created_at,
    )
    .join(ending)
    .where(dead_letter.c.published_at.is_(None))
    .order_by(dead_letter.c.id)
)


def unpublished(connection: Connection, limit: int) -> Sequence[tuple[int, bytes]]:
    """Dead letters that are not on their topic yet: `(id, JSON)`, oldest first."""
    return [(row.id, _encode(_letter(row))) for row in connection.execute(LETTERS.limit(limit))]


def _letter(row: Row[*tuple[object, ...]]) -> Letter:
    return Letter(
        topic=row.topic,
        partition=row.partition,
        offset=row.record_offset,
        state=row.state,
        reason=row.reason,
        detail=row.detail,
        tenant=row.tenant,
        job_id=row.job_id,
        raw=row.raw,
        size=row.size,
        created_at=row.created_at,
    )
