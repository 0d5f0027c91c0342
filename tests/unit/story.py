"""A scheduler in a short story without a clock: workers, arrivals, what it sends."""

from collections.abc import Sequence

from schemas.batch import Completion
from schemas.record import Partition
from tests.unit.examples import delivery, key, partition, worker
from workers.core.batcher import Batcher
from workers.core.costs import Costs
from workers.core.delivery import Delivery
from workers.core.events import Arrived, Claimed
from workers.core.flight import Flight
from workers.core.flights import Flights
from workers.core.formed import Limits
from workers.core.scheduler import Scheduler
from workers.ports import Profile

P0, P1 = partition(0), partition(1)
LEASE_S, PATIENCE_S = 60.0, 5.0


class Story:
    """A scheduler, the workers that live, and what it sent so far."""

    def __init__(self, *workers: str, max_batch: int = 4, known: Sequence[Profile] = ()) -> None:
        self.scheduler = Scheduler(
            batcher=Batcher(Limits(max_batch=max_batch, token_budget=10_000)),
            flights=Flights(lease_s=LEASE_S, patience_s=PATIENCE_S),
            costs=Costs(10_000, known),
        )
        self.now = 0.0
        self.workers = {name: worker(name) for name in workers}
        self.look()

    @property
    def quiet(self) -> bool:
        return not (self.scheduler.books.jobs or self.scheduler.flying)

    def look(self) -> None:
        self.scheduler.see(list(self.workers.values()), self.now)

    def claim(self, at: Partition = P0, epoch: int = 1, start: int = 0) -> None:
        self.scheduler.receive(Claimed(at, epoch, start))

    def arrive(self, *arrived: Delivery) -> None:
        for each in arrived:
            outcome = (each.item.offset, each.size, each)
            self.scheduler.receive(Arrived(each.item.partition, [outcome]))

    def send(self) -> list[Flight]:
        sendings = self.scheduler.sendings(self.now)
        for to, flight in sendings:
            self.workers[to.worker_id] = worker(to.worker_id, running=flight.batch_id)
        return [flight for _, flight in sendings]

    def finish(self, flight: Flight, **lists: object) -> frozenset[Partition]:
        lists = lists or {"settled": tuple(map(key, flight.deliveries))}
        self.workers[flight.worker_id] = worker(flight.worker_id)
        self.look()
        report = Completion(batch_id=flight.batch_id, worker_id=flight.worker_id, **lists)
        return self.scheduler.land(report, self.now)

    def die(self, flight: Flight, successor: str) -> None:
        """The worker dies running this batch; after a while another one is there."""
        self.look()
        del self.workers[flight.worker_id]
        self.workers[successor] = worker(successor)
        self.wait(PATIENCE_S + 1)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.look()

    def marks(self) -> dict[Partition, tuple[int, int]]:
        return self.scheduler.books.marks()


def offsets(flights: list[Flight]) -> list[list[int]]:
    return [[each.item.offset for each in flight.deliveries] for flight in flights]


def jobs(count: int, at: Partition = P0, **fields: object) -> list[Delivery]:
    return [delivery(offset, at=at, **fields) for offset in range(count)]
