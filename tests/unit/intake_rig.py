"""An intake that is driven turn by turn, against a log and a store in memory."""

import pytest

from schemas.record import Ending, Record, Terminal
from tests.unit import examples
from tests.unit.examples import partition
from tests.unit.fakes import MemoryLog, MemoryStore
from workers.core.admission import Waits, admit
from workers.core.delivery import Delivery
from workers.core.events import Arrived, Event
from workers.core.routing import Routing
from workers.intake import Intake

P0, P1 = partition(0), partition(1)
WAITS = Waits(interactive=0.005, bulk=1.0)
VERSION = examples.version()
ROUTING = Routing([VERSION], [examples.route(VERSION)])


def admitted(record: Record, epoch: int) -> Delivery | Ending:
    return admit(record, epoch, ROUTING, WAITS, 0.0, 0.0)


class Reader:
    """An intake named `owner` and everything that it told."""

    def __init__(self, log: MemoryLog, store: MemoryStore, owner: str = "d1") -> None:
        self.events: list[Event] = []
        self.member = log.member(owner)
        self.intake = Intake(
            open_log=lambda: self.member,
            ledger=store,
            owner=owner,
            admit=admitted,
            tell=self.events.append,
            commit_interval_s=5.0,
        )
        self.intake.open()

    def turn(self, now: float = 0.0) -> list[Event]:
        """What a turn told."""
        before = len(self.events)
        self.intake.turn(now)
        return self.events[before:]


@pytest.fixture
def log() -> MemoryLog:
    made = MemoryLog()
    made.create(P0)
    return made


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(VERSION)


def offsets(events: list[Event]) -> list[int]:
    return [o for event in events if isinstance(event, Arrived) for o, _, _ in event.outcomes]


def outcomes(events: list[Event]) -> list[object]:
    return [out for event in events if isinstance(event, Arrived) for _, _, out in event.outcomes]


def settle(store: MemoryStore, *at: int) -> None:
    for offset in at:
        store.states[P0, offset].append(Terminal.DONE)
