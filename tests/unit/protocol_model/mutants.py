"""Seven ways to get the protocol wrong, each of which somebody has shipped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

import msgspec

from tests.unit.fakes import MemoryLog
from workers.core import books
from workers.core.flight import Flight, Loss
from workers.core.flights import Flights
from workers.core.watermark import Watermark
from workers.ports import Claim

if TYPE_CHECKING:
    from tests.unit.protocol_model.world import World


class Mutant:
    """The protocol as it is; the others change one thing each."""

    name = "none"
    reports_before_it_persists = False

    def change(self, world: "World") -> None:
        """Break the world."""

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Break the code."""
        yield

    def claim(self, log: MemoryLog, claim: Claim) -> Claim:
        """What a dispatcher believes of its claim."""
        return claim


class CommitBeforePersist(Mutant):
    name = "commit before persist"
    reports_before_it_persists = True


class CommitTheMaximum(Mutant):
    name = "commit the maximum"

    @contextmanager
    def installed(self) -> Iterator[None]:
        with patch.object(books, "Watermark", _HighWatermark):
            yield


class _HighWatermark(Watermark):
    def settle(self, offset: int) -> None:
        super().settle(offset)
        self.next_offset = max(self.next_offset, offset + 1)


class NoRedispatch(Mutant):
    name = "no re-dispatch"

    @contextmanager
    def installed(self) -> Iterator[None]:
        with patch.object(Flights, "lost", _nothing_is_lost):
            yield


def _nothing_is_lost(flights: Flights, now: float) -> Sequence[tuple[Flight, Loss]]:
    return []


class NoUniqueJob(Mutant):
    name = "no unique job"

    def change(self, world: "World") -> None:
        world.store.unique_jobs = False


class NoFence(Mutant):
    name = "no fence"

    def change(self, world: "World") -> None:
        world.store.fence = False


class UnfencedLateWrite(Mutant):
    name = "unfenced late write"

    def change(self, world: "World") -> None:
        world.store.late_fence = False


class SeekToTheLogsOffset(Mutant):
    """As a Kafka client does by itself: the committed offset, without one the end."""

    name = "seek to the log's offset"

    def claim(self, log: MemoryLog, claim: Claim) -> Claim:
        offset = log.committed.get(claim.partition, log.end[claim.partition])
        return msgspec.structs.replace(claim, next_offset=offset)


NONE = Mutant()
MUTANTS: tuple[Mutant, ...] = (
    CommitBeforePersist(),
    CommitTheMaximum(),
    NoRedispatch(),
    NoUniqueJob(),
    NoFence(),
    UnfencedLateWrite(),
    SeekToTheLogsOffset(),
)
