"""What the intake tells the dispatcher, in the order of the log."""

import msgspec

from schemas.record import Ending, Partition
from workers.core.delivery import Delivery

Outcome = tuple[int, int, Delivery | Ending | None]
"""`(offset, bytes, what became of the record)`; None when it was settled before the claim."""


class Claimed(msgspec.Struct, frozen=True):
    """A partition is ours from this offset on."""

    partition: Partition
    epoch: int
    next_offset: int


class Lost(msgspec.Struct, frozen=True):
    """A partition is ours no longer."""

    partition: Partition


class Arrived(msgspec.Struct, frozen=True):
    """Records of one partition."""

    partition: Partition
    outcomes: list[Outcome]


class Reached(msgspec.Struct, frozen=True):
    """Before this offset the log holds no record that has not arrived."""

    partition: Partition
    offset: int


Event = Claimed | Lost | Arrived | Reached
