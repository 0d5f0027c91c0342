"""One batch at one worker, and the ways in which it is lost."""

from enum import StrEnum

import msgspec

from workers.core.delivery import Delivery


class Loss(StrEnum):
    """Why a batch is taken for lost."""

    WORKER_GONE = "worker_gone"
    WORKER_DIED_RUNNING_IT = "worker_died_running_it"
    WORKER_DIED_PARSING_IT = "worker_died_parsing_it"
    LEASE_OVER = "lease_over"
    WORKER_HANGS_IN_IT = "worker_hangs_in_it"
    HAND_OVER = "lost_in_hand_over"


class Flight(msgspec.Struct, frozen=True):
    """One batch at one worker."""

    batch_id: str
    worker_id: str
    deliveries: tuple[Delivery, ...]
    attempt: int
    """1 for the first try; for tracing."""
    isolated: bool
    sent_at: float
    """Monotonic clock, in seconds."""
    tokens: int = 0
    """Sum of the padded lengths; 0 where nobody counted."""
    pairs: int = 0
    """Sum of their squares."""
    seconds: float = 0.0
    """What the device will need, predicted."""
    done_at: float = 0.0
    """When the device should be done with it, predicted as it was sent; monotonic clock."""
    passes: bool = False
    """Whether it passes the others at its worker."""

    @property
    def bulk(self) -> bool:
        """Whether it holds bulk work: then others may pass it."""
        return any(each.bulk for each in self.deliveries)
