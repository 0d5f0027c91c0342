"""Where bulk work waits before it may form batches: the place at which it can still be stopped.

    log ─► queue ─► batcher ─► workers

Only `WINDOW` deliveries of a version are in the batcher at a time, enough for full batches. The
others wait here, by tenant and by job, so that a job can be paused, withdrawn or preferred whatever
lies behind it in the log, and so that tenants share the workers: the tenant that has had least of
the predicted tokens goes next, within a tenant the job of the highest priority, then the oldest.
Interactive work never comes here. Pure; not thread-safe.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from schemas.record import Partition
from workers.core.decision import Sum
from workers.core.delivery import Delivery
from workers.ports import Order

WINDOW: Final = 4096
"""Deliveries of bulk work in the batcher for each version: eight of the largest batches."""
AS_USUAL: Final = Order()


class Name(NamedTuple):
    """Whose work it is, and of which version."""

    tenant: str
    bulk_id: str | None
    """None: of no bulk job."""
    version_id: int


class _Line:
    """The deliveries of one job and version, first in, first out, and their sum."""

    def __init__(self) -> None:
        self._waiting: deque[Delivery] = deque()
        self.sum = Sum(0, 0, 0)
        self.deadline = math.inf
        """No delivery here has an earlier one."""

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._waiting)

    @property
    def model(self) -> str:
        return self._waiting[0].version.name

    def push(self, delivery: Delivery, *, front: bool = False) -> None:
        (self._waiting.appendleft if front else self._waiting.append)(delivery)
        self._count(delivery, 1)
        self.deadline = min(self.deadline, delivery.deadline)

    def pop(self) -> Delivery:
        delivery = self._waiting.popleft()
        self._count(delivery, -1)
        return delivery

    def _count(self, delivery: Delivery, sign: int) -> None:
        rows, tokens, pairs = self.sum
        padded = delivery.padded
        self.sum = Sum(rows + sign, tokens + sign * padded, pairs + sign * padded * padded)


class FairQueue:
    """Holds bulk work and says which comes next."""

    def __init__(self) -> None:
        self._waiting: dict[Name, _Line] = {}
        self._orders: Mapping[str, Order] = {}
        self._served: dict[str, float] = {}
        """Padded tokens that each tenant with waiting work has had, from a common beginning."""

    def __len__(self) -> int:
        """Deliveries that wait here."""
        return sum(map(len, self._waiting.values()))

    def add(self, delivery: Delivery) -> None:
        """Let a delivery wait behind those of its job."""
        self._line(delivery).push(delivery)

    def put_back(self, deliveries: Iterable[Delivery]) -> None:
        """Let deliveries wait again that were drawn, ahead of those of their jobs; their tenants
        have not had them."""
        back = list(deliveries)
        for delivery in back:
            tenant = delivery.item.job.tenant
            if tenant in self._served:
                self._served[tenant] -= delivery.padded
        for delivery in reversed(back):
            self._line(delivery).push(delivery, front=True)

    def obey(self, orders: Mapping[str, Order]) -> bool:
        """Take new orders; True where they change anything."""
        changed = orders != self._orders
        self._orders = dict(orders)
        return changed

    def is_cancelled(self, delivery: Delivery) -> bool:
        """Whether nobody wants this any more."""
        return self._order(delivery.item.job.bulk_id).state == "cancelled"

    def take_cancelled(self) -> list[Delivery]:
        """Take what nobody wants any more."""
        gone = [n for n in self._waiting if self._order(n.bulk_id).state == "cancelled"]
        return [delivery for name in gone for delivery in self._waiting.pop(name)]

    def draw(self, inside: Mapping[int, int]) -> list[Delivery]:
        """Take what should go next, until each version has `WINDOW` deliveries in the batcher.

        Args:
            inside: bulk work in the batcher, by version.
        """
        drawn: list[Delivery] = []
        room = {version_id: WINDOW - number for version_id, number in inside.items()}
        open_lines = self._open(room)
        while open_lines:
            tenant = min(open_lines, key=lambda one: (self._served.get(one, 0.0), one))
            names = open_lines[tenant]
            name = names[-1]
            delivery = self._pop(name)
            drawn.append(delivery)
            self._served[tenant] = self._served.get(tenant, 0.0) + delivery.padded
            room[name.version_id] = room.get(name.version_id, WINDOW) - 1
            if name not in self._waiting:
                names.pop()
            if room[name.version_id] <= 0:
                open_lines = self._open(room)
            elif not names:
                del open_lines[tenant]
        return drawn

    def take_expired(self, now: float) -> list[Delivery]:
        """Take what has passed its deadline; `now` is the monotonic clock."""
        late: list[Delivery] = []
        for name, line in list(self._waiting.items()):
            if line.deadline <= now:
                late += [one for one in line if one.deadline <= now]
                self._keep(name, [one for one in line if one.deadline > now])
        return late

    def drop(self, partition: Partition) -> None:
        """Forget everything of a partition that is no longer ours."""
        for name, line in list(self._waiting.items()):
            self._keep(name, [one for one in line if one.item.partition != partition])

    def pin(self, pinned: Callable[[Delivery], Delivery]) -> None:
        """Let what waits be answered by the versions that `pinned` gives it."""
        waiting = [delivery for line in self._waiting.values() for delivery in line]
        self._waiting = {}
        for delivery in waiting:
            self.add(pinned(delivery))

    def waiting(self) -> Mapping[int, Sum]:
        """What waits to be done, by version; paused work is not waited for."""
        sums: dict[int, Sum] = {}
        for name, line in self._waiting.items():
            if self._order(name.bulk_id).state == "active":
                known = sums.get(name.version_id, Sum(0, 0, 0))
                sums[name.version_id] = Sum(*(a + b for a, b in zip(known, line.sum, strict=True)))
        return sums

    def names(self) -> Mapping[int, str]:
        """The model of each version that deliveries here wait for."""
        return {name.version_id: line.model for name, line in self._waiting.items()}

    def models(self) -> set[str]:
        """Names of the models that deliveries here wait for."""
        return {line.model for line in self._waiting.values()}

    def _line(self, delivery: Delivery) -> _Line:
        job = delivery.item.job
        name = Name(job.tenant, job.bulk_id, delivery.version.version_id)
        if name not in self._waiting:
            self._arrive(job.tenant)
            self._waiting[name] = _Line()
        return self._waiting[name]

    def _arrive(self, tenant: str) -> None:
        """A tenant who had nothing to do gets no credit for that time."""
        present = {one.tenant for one in self._waiting}
        self._served = {one: had for one, had in self._served.items() if one in present}
        least = min(self._served.values(), default=0.0)
        self._served[tenant] = max(self._served.get(tenant, 0.0), least)

    def _pop(self, name: Name) -> Delivery:
        line = self._waiting[name]
        delivery = line.pop()
        if not line:
            del self._waiting[name]
        return delivery

    def _open(self, room: Mapping[int, int]) -> dict[str, list[Name]]:
        """The jobs that may go, by tenant, the next one last."""
        found: dict[str, list[Name]] = {}
        for name in self._waiting:
            active = self._order(name.bulk_id).state == "active"
            if active and room.get(name.version_id, WINDOW) > 0:
                found.setdefault(name.tenant, []).insert(0, name)
        for names in found.values():
            names.sort(key=lambda name: self._order(name.bulk_id).priority)
        return found

    def _order(self, bulk_id: str | None) -> Order:
        return self._orders.get(bulk_id, AS_USUAL) if bulk_id else AS_USUAL

    def _keep(self, name: Name, kept: Iterable[Delivery]) -> None:
        line = _Line()
        for delivery in kept:
            line.push(delivery)
        if line:
            self._waiting[name] = line
        else:
            del self._waiting[name]
