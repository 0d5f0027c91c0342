"""One simulated run: arrivals go in, what became of them comes out.

Dispatchers admit texts one after the other, each from its own partitions, and give every device two
credits, as they do in life. A device runs one batch at a time; what it takes is what the cost model
says of the batch's padded arrays. Time is virtual, so equal inputs give equal outcomes.
"""

import heapq
import math
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import NamedTuple

import msgspec

from schemas.batch import WorkerState
from workers.core.cost import Cost, Observation
from workers.core.costs import Costs
from workers.core.delivery import Delivery
from workers.core.flight import Flight
from workers.core.flights import CREDITS, Flights
from workers.core.formed import Formed, Limits, Place
from workers.simulation.arrivals import Arrival
from workers.simulation.outcome import Outcome, Tally
from workers.simulation.policies import POLICIES, Policy, Setting
from workers.simulation.waiting import VERSION, as_delivery

_ARRIVED, _DUE, _DONE = range(3)
BUDGET = Limits().token_budget


class Plant(msgspec.Struct, frozen=True, kw_only=True):
    """What the texts meet."""

    devices: int = 1
    dispatchers: int = 1
    partitions: int = 16
    """Texts are spread over them by number, and they over the dispatchers."""
    cost: Cost
    batch_s: float = 0.002
    """Seconds of a device for each batch beside its arrays: message, parsing, rows."""
    admit_s: float = 30e-6
    """Seconds of a dispatcher for each text."""
    wait_s: float = 0.01
    """Longest wait of a text for company at a device that has something else in hand."""
    bulk_wait_s: float = 1.0
    """The same for bulk work."""
    paces: tuple[float, ...] = (1.0,)
    """How many times as long as `cost` each device takes; begins anew where devices are more."""
    believed: Cost | None = None
    """What Textmill believes of the cost before it has seen a batch; None: the truth, which the
    warm-up of a worker tells."""
    max_batch: int = 512
    """Texts of a batch at most, for Textmill."""
    max_batch_s: float = 0.5
    """Predicted seconds of a batch at most, for Textmill."""
    mixed_batch_s: float = 0.04
    """The same for bulk work while interactive texts come."""

    @property
    def limits(self) -> Limits:
        """Those of Textmill's batcher."""
        return Limits(
            max_batch=self.max_batch,
            max_batch_s=self.max_batch_s,
            mixed_batch_s=self.mixed_batch_s,
        )


class Event(NamedTuple):
    """Something that happens; equal times in the order of their making."""

    at: float
    ticket: int
    kind: int
    who: int
    """Number of the text, the dispatcher or the device."""


class _Staged(NamedTuple):
    flight: Flight
    dispatcher: int


class _Dispatcher:
    """A policy, the time until which it is busy, and the credits it gave away."""

    def __init__(self, policy: Policy, plant: Plant) -> None:
        self.policy = policy
        self.free_at = 0.0
        self.wakes_at: float | None = None
        self.by_load = [dict.fromkeys(range(plant.devices))] + [{} for _ in range(CREDITS)]
        """Devices, in order of use, by the number of batches they have from this dispatcher."""
        self._loads = [0] * plant.devices
        believed = plant.cost if plant.believed is None else plant.believed
        workers = [_worker(device, believed) for device in range(plant.devices)]
        self.flights, self.costs = Flights(lease_s=math.inf, patience_s=math.inf), Costs(BUDGET)
        self.flights.see(workers, 0.0)
        self.costs.see(workers)
        self._ticket = count()

    def place(self, device: int, now: float) -> Place:
        """The device's readiness for one more batch."""
        return Place(
            idle=device in self.by_load[0],
            ahead_s=self.flights.ahead_s(str(device), now),
            running_s=self.flights.running_s(str(device)),
            soonest_s=self.flights.soonest_s(now),
            lag_s=self.flights.lag_s(str(device), now),
            prices=partial(self.costs.price, str(device)),
        )

    def send(self, formed: Formed, device: int, now: float) -> Flight:
        """Note that a batch goes to a device."""
        flight = Flight(
            batch_id=str(next(self._ticket)),
            worker_id=str(device),
            deliveries=formed.deliveries,
            attempt=1,
            isolated=False,
            sent_at=now,
            tokens=formed.tokens,
            pairs=formed.pairs,
            seconds=formed.seconds,
            done_at=self.flights.done_at(str(device), formed.seconds, now),
        )
        self.flights.send(flight)
        self.load(device, 1)
        return flight

    def land(self, flight: Flight, seconds: float, now: float) -> None:
        """Note that a batch is done, and what it took."""
        self.flights.land(flight.batch_id, now)
        self.load(int(flight.worker_id), -1)
        if flight.tokens:
            version_id = flight.deliveries[0].version.version_id
            seen = Observation(flight.tokens, flight.pairs, seconds)
            self.costs.learn(flight.worker_id, version_id, seen, now)
            self.flights.learn(flight, now)

    def load(self, device: int, step: int) -> None:
        """Count a batch that went to a device, or came back."""
        self.by_load[self._loads[device]].pop(device)
        self._loads[device] += step
        self.by_load[self._loads[device]][device] = None


class Simulation:
    """Made, run once, thrown away."""

    def __init__(self, arrivals: Sequence[Arrival], plant: Plant, policy: str) -> None:
        """`policy` is a name of `POLICIES`."""
        self._arrivals, self._plant = arrivals, plant
        make = POLICIES[policy]
        self._dispatchers = [
            _Dispatcher(make(Setting(self._tokens, plant.limits)), plant)
            for _ in range(plant.dispatchers)
        ]
        self._staged: list[deque[_Staged]] = [deque() for _ in range(plant.devices)]
        self._took = [0.0] * plant.devices
        self._events: list[Event] = []
        self._ticket = count()
        self._tally = Tally(arrivals)

    def run(self) -> Outcome:
        """Let everything happen."""
        for number, one in enumerate(self._arrivals):
            dispatcher = self._dispatchers[self._owner(number)]
            dispatcher.free_at = max(dispatcher.free_at, one.at) + self._plant.admit_s
            self._at(dispatcher.free_at, _ARRIVED, number)
        while self._events:
            now, _, kind, who = heapq.heappop(self._events)
            self._happen(now, kind, who)
        return self._tally.outcome(self._plant.devices)

    def _tokens(self, delivery: Delivery) -> int:
        return self._arrivals[delivery.item.offset].tokens

    def _owner(self, number: int) -> int:
        return number % self._plant.partitions % self._plant.dispatchers

    def _happen(self, now: float, kind: int, who: int) -> None:
        if kind == _ARRIVED:
            owner = self._owner(who)
            self._dispatchers[owner].policy.add(self._delivery(who, now))
            self._send(owner, now)
        elif kind == _DUE:
            self._dispatchers[who].wakes_at = None
            self._send(who, now)
        else:
            self._finish(who, now)

    def _delivery(self, number: int, now: float) -> Delivery:
        one = self._arrivals[number]
        wait_s = self._plant.bulk_wait_s if one.bulk else self._plant.wait_s
        return as_delivery(number, one, now + wait_s)

    def _send(self, number: int, now: float) -> None:
        """Let this dispatcher send whatever should leave now."""
        own = self._dispatchers[number]
        if expired := own.policy.expired(now):
            self._tally.expire(expired)
        while (device := self._open(own)) is not None:
            formed = own.policy.next_batch(now, own.place(device, now))
            if formed is None:
                break
            self._staged[device].append(_Staged(own.send(formed, device, now), number))
            if len(self._staged[device]) == 1:
                self._start(device, now)
        due_at = own.policy.due_at()
        if due_at is not None and due_at > now and (own.wakes_at is None or due_at < own.wakes_at):
            own.wakes_at = due_at
            self._at(due_at, _DUE, number)

    def _open(self, dispatcher: _Dispatcher) -> int | None:
        """The least loaded device with a credit."""
        free = (next(iter(some)) for some in dispatcher.by_load[:CREDITS] if some)
        return next(free, None)

    def _start(self, device: int, now: float) -> None:
        """Run the batch that is first at a device, but for what has passed its deadline."""
        staged, plant = self._staged[device][0], self._plant
        late = [one for one in staged.flight.deliveries if one.deadline <= now]
        timely = [one for one in staged.flight.deliveries if one.deadline > now]
        policy = self._dispatchers[staged.dispatcher].policy
        shapes = policy.shapes(timely) if timely else []
        arrays = sum(plant.cost.seconds(*shape) for shape in shapes)
        self._took[device] = arrays * plant.paces[device % len(plant.paces)]
        if late:
            self._tally.expire(late)
        self._tally.run(timely, shapes, now, plant.batch_s + self._took[device])
        self._at(now + plant.batch_s + self._took[device], _DONE, device)

    def _finish(self, device: int, now: float) -> None:
        done = self._staged[device].popleft()
        self._dispatchers[done.dispatcher].land(done.flight, self._took[device], now)
        if self._staged[device]:
            self._start(device, now)
        for number in range(len(self._dispatchers)):
            self._send((done.dispatcher + number) % len(self._dispatchers), now)

    def _at(self, at: float, kind: int, who: int) -> None:
        heapq.heappush(self._events, Event(at, next(self._ticket), kind, who))


def _worker(device: int, believed: Cost) -> WorkerState:
    costs = ((VERSION.version_id, (*believed,)),)
    return WorkerState(worker_id=str(device), queue="", device="cpu", pid=0, costs=costs)
