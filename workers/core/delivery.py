"""A job on its way through the dispatcher: admitted, not yet answered."""

import math

import msgspec

from schemas.batch import BatchItem
from workers.ports import ModelVersion


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A job that a batch may take. Times are seconds on the monotonic clock."""

    item: BatchItem
    version: ModelVersion
    """Pinned until its batch is formed; the answer comes from this version and no other."""
    padded: int
    """Estimated length in tokens, rounded up to its bucket."""
    size: int
    """Bytes of the record, for the cap on memory."""
    bulk: bool
    due_at: float
    """When waiting for company ends."""
    deadline: float = math.inf
    """When it must be answered; reckoned once from the wall clock, which may be set later."""
