"""What becomes of a batch that did not come back, or not with an answer to each of its jobs.

incomplete    some jobs are open: each is tried again after a pause, until it has failed too often
lost          its worker is gone or hangs, or the hand-over lost it: sent again at once; alone,
              where it may be what ended the worker
send_again    the hand-over refused it: it never left
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from schemas.batch import Completion
from schemas.record import Ending, Terminal
from workers.core.books import Books
from workers.core.delivery import Delivery
from workers.core.endings import quarantined
from workers.core.flight import Flight, Loss
from workers.core.flights import Flights
from workers.core.isolation import Isolation
from workers.core.retries import Retries

_log = logging.getLogger(__name__)

BLAMING: Final = frozenset({Loss.WORKER_DIED_RUNNING_IT, Loss.WORKER_HANGS_IN_IT})
"""Losses for which the batch itself is to blame, if it was alone."""
SUSPICIOUS: Final = BLAMING | {Loss.WORKER_DIED_PARSING_IT}
"""Losses after which a batch is tried alone. One that was parsed behind another dispatcher's batch
was not alone, so it is not blamed."""


class Recovery:
    """Decides it, by the scheduler's own parts. Not thread-safe."""

    def __init__(
        self,
        *,
        books: Books,
        flights: Flights,
        isolation: Isolation,
        retries: Retries,
        counts: Counter[str],
        put_back: Callable[[Sequence[Delivery]], None],
    ) -> None:
        """
        Args:
            books: which jobs are open; told of those that end.
            flights: told which batches are given up, and which workers could not answer.
            isolation: where suspects are tried alone.
            retries: where failures are counted.
            counts: losses by kind, `retried`, and QUARANTINED.
            put_back: lets deliveries wait again, ahead of all others.
        """
        self._books = books
        self._flights = flights
        self._isolation = isolation
        self._retries = retries
        self._counts = counts
        self._put_back = put_back

    def incomplete(self, flight: Flight, completion: Completion, now: float) -> None:
        """Try again what has no terminal state; `now` is the monotonic clock in seconds."""
        reasons = {(f.partition, f.offset): f.reason for f in completion.failed}
        fenced = set(completion.fenced)
        if completion.error is not None:
            version = flight.deliveries[0].version
            self._flights.unable(flight.worker_id, version.version_id, now)
        for delivery in self._open(flight):
            key = (delivery.item.partition, delivery.item.offset)
            if key in fenced:
                continue
            reason = reasons.get(key, "unanswered")
            self._counts["retried"] += 1
            if not self._retries.fail(delivery, reason, now):
                self._books.end(_guilty(delivery, reason, completion.error or reason))

    def lost(self, flight: Flight, loss: Loss) -> None:
        """Give a batch up: what is open of it is sent again, or tried alone."""
        self._flights.land(flight.batch_id)
        self._counts[loss] += 1
        _log.warning(
            "batch %s of %d at %s: %s; sent again",
            *(flight.batch_id, len(flight.deliveries), flight.worker_id, loss),
        )
        own = self._open(flight)
        for delivery in own:
            self._retries.lost(delivery)
        if flight.isolated and loss in BLAMING:
            self._blame(own)
        elif flight.isolated or loss not in SUSPICIOUS:
            self.send_again(flight)
        elif own:
            self._isolation.suspect(own)

    def send_again(self, flight: Flight) -> None:
        """Let what is open of a batch wait again, ahead of all others."""
        own = self._open(flight)
        if flight.isolated:
            self._isolation.give_back(own)
        else:
            self._put_back(own)

    def _open(self, flight: Flight) -> tuple[Delivery, ...]:
        return tuple(each for each in flight.deliveries if self._books.wants(each))

    def _blame(self, own: tuple[Delivery, ...]) -> None:
        guilty = self._isolation.killed(own)
        if guilty is not None:
            self._counts[Terminal.QUARANTINED] += 1
            self._retries.settled(guilty.item.partition, guilty.item.offset)
            detail = "a worker died or hung each time it read this text alone"
            self._books.end(_guilty(guilty, "kills_worker", detail))


def _guilty(delivery: Delivery, reason: str, detail: str) -> Ending:
    return quarantined(delivery.item, delivery.version.version_id, reason, detail)
