"""Where a record stands in the log, and how its way can end.

A partition is named by the topic's UUID, since a topic that is deleted and made again starts at
offset 0 under the same name.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec


class Partition(NamedTuple):
    """One ordered part of one topic."""

    topic_id: str
    """UUID of the topic, as 32 hexadecimal digits."""
    number: int
    topic: str


class Record(msgspec.Struct, frozen=True, gc=False):
    """One delivery from the log, not yet understood."""

    partition: Partition
    offset: int
    value: bytes | None
    published_at: float
    """Seconds since 1970, UTC, as the log says."""


class Terminal(StrEnum):
    """How a record ended. Every record ends in exactly one of these."""

    DONE = "DONE"
    """A row in `result` carries its coordinates."""
    DUPLICATE = "DUPLICATE"
    """The same job, with the same payload, was already answered."""
    CONFLICT = "CONFLICT"
    """The same job with another payload: the first result stands."""
    INVALID = "INVALID"
    """Not a job: see the dead letter's reason."""
    EXPIRED = "EXPIRED"
    """Its deadline passed before it was answered."""
    CANCELLED = "CANCELLED"
    """Somebody withdrew it."""
    QUARANTINED = "QUARANTINED"
    """It made a model fail, or a worker die, each time it was tried alone."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A record that ends without a result: a row of the exceptions ledger, often a dead letter."""

    partition: Partition
    offset: int
    epoch: int
    state: Terminal
    reason: str
    """Stable code, for example `not_json`."""
    detail: str = ""
    """For people; without the text of the job."""
    raw: bytes | None = None
    """The record's value when it becomes a dead letter; None when it does not."""
    tenant: str | None = None
    job_id: str | None = None
    bulk_id: str | None = None
    """The bulk submission the job belongs to, so that its progress can be counted."""
    lang: str | None = None
    version_id: int | None = None
    """The version that could not answer; None where none was to blame."""
    arm: str | None = None
    """As which arm of its route."""
