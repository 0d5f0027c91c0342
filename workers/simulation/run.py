"""One simulated run: arrivals go in, what became of them comes out.

Dispatchers admit texts one after the other, each from its own partitions, and give every device two
credits, as they do in life. A device runs one batch at a time; what it takes is what the cost model
says of the batch's padded arrays. Time is virtual, so equal inputs give equal outcomes.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import msgspec

from workers.core.cost import Cost
from workers.core.delivery import Delivery
from workers.core.flights import CREDITS
from workers.simulation.arrivals import Arrival
from workers.simulation.outcome import Outcome, Tally
from workers.simulation.policies import POLICIES, Group, Policy
from workers.simulation.waiting import as_delivery

_ARRIVED, _DUE, _DONE = range(3)


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
    wait_s: float = 0.005
    """Longest wait of a text for company while a device is free."""
    bulk_wait_s: float = 1.0
    """The same for bulk work."""


class Event(NamedTuple):
    """Something that happens; equal times in the order of their making."""

    at: float
    ticket: int
    kind: int
    who: int
    """Number of the text, the dispatcher or the device."""


class _Flight(NamedTuple):
    group: Group
    dispatcher: int


class _Dispatcher:
    """A policy, the time until which it is busy, and the credits it gave away."""

    def __init__(self, policy: Policy, devices: int) -> None:
        self.policy = policy
        self.free_at = 0.0
        self.wakes_at: float | None = None
        self.by_load = [dict.fromkeys(range(devices))] + [{} for _ in range(CREDITS)]
        """Devices, in order of use, by the number of batches they have from this dispatcher."""
        self._loads = [0] * devices

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
            _Dispatcher(make(lambda one: arrivals[one.item.offset].tokens), plant.devices)
            for _ in range(plant.dispatchers)
        ]
        self._staged: list[deque[_Flight]] = [deque() for _ in range(plant.devices)]
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
        while (device := self._open(own)) is not None:
            group = own.policy.next_group(now, idle=device in own.by_load[0])
            if group is None:
                break
            own.load(device, 1)
            self._staged[device].append(_Flight(group, number))
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
        group = self._staged[device][0].group
        arrays = sum(self._plant.cost.seconds(*shape) for shape in group.shapes)
        seconds = self._plant.batch_s + arrays
        self._tally.run(group, now, seconds)
        self._at(now + seconds, _DONE, device)

    def _finish(self, device: int, now: float) -> None:
        done = self._staged[device].popleft()
        self._dispatchers[done.dispatcher].load(device, -1)
        if self._staged[device]:
            self._start(device, now)
        for number in range(len(self._dispatchers)):
            self._send((done.dispatcher + number) % len(self._dispatchers), now)

    def _at(self, at: float, kind: int, who: int) -> None:
        heapq.heappush(self._events, Event(at, next(self._ticket), kind, who))
