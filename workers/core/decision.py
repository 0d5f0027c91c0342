"""One decision for one place at a worker: which lines may go, which goes, and in what company.

Made, asked once, thrown away. It changes nothing but by `fill`, which takes from the lines.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from workers.core.allowance import Allowance
from workers.core.choice import Candidate, by_cost, oldest
from workers.core.cost import Cost
from workers.core.costs import Price
from workers.core.formed import Formed, Limits, Place, Release
from workers.core.line import NEVER, Class, Key, Line

BESIDE_S: Final = 0.01
"""What a batch costs beside the device, whatever is in it."""
RUSH_S: Final = 0.01
"""So long before it would be too late, a batch leaves for its deadline."""
WORTH: Final = 4
"""How many times its fixed price a batch takes at least while more waits than it can take."""


class Sum(NamedTuple):
    """What waits of one version."""

    rows: int
    tokens: int
    pairs: int


def sums_of(lines: Iterable[Line]) -> dict[int, Sum]:
    """Return what waits by version."""
    sums: dict[int, Sum] = {}
    for line in lines:
        rows, tokens, pairs = sums.get(line.key.version_id, (0, 0, 0))
        more = len(line) * line.key.padded
        total = Sum(rows + len(line), tokens + more, pairs + more * line.key.padded)
        sums[line.key.version_id] = total
    return sums


def is_full(waiting: Sum, price: Price, limits: Limits, seconds: float) -> bool:
    """Whether more waits of a version than a batch takes that may take so many seconds."""
    if waiting.rows >= limits.max_batch or waiting.tokens >= price.tokens:
        return True
    if price.cost is None or waiting.rows <= 1:
        return False
    return price.cost.batch_s(waiting.tokens, waiting.pairs) >= seconds


def shortest_s(cost: Cost, padded: int, *, full: bool) -> float:
    """What a batch with a text of this length takes at the shortest.

    While more waits than a batch takes, one that is short for the sake of a deadline would cost
    many other jobs theirs, as its fixed price buys next to nothing: it is `WORTH` such prices long.
    """
    fixed_s = cost.call_s + BESIDE_S
    return max(cost.seconds(1, padded), WORTH * fixed_s if full else 0.0)


class Decision:
    """Sees all lines; `now` is the monotonic clock, in seconds."""

    def __init__(
        self,
        lines: Sequence[Line],
        sums: Mapping[int, Sum],
        limits: Limits,
        prices: Mapping[int, Price],
        place: Place,
        now: float,
        *,
        awaited: bool,
        passed: int,
    ) -> None:
        """
        Args:
            lines: those where somebody waits.
            sums: what waits in them by version.
            limits: what holds for every batch.
            prices: of the versions that wait, at the place.
            place: the worker's.
            now: see above.
            awaited: interactive jobs come, so that bulk work must stay short.
            passed: batches since the last one with bulk work.
        """
        self._lines, self._limits, self._prices = lines, limits, prices
        self._place, self._now = place, now
        self._passed = passed
        self._sums = sums
        known = all(price.cost is not None for price in prices.values())
        self._by_cost = limits.by_cost and known
        short = limits.mixed_batch_s if awaited else limits.max_batch_s
        self._bounds = (limits.max_batch_s, short, limits.mixed_batch_s)
        self.hurries: dict[Key, float] = {}
        """Seconds before its deadline at which each line that has one must go."""

    def first(self) -> tuple[Line, Release] | None:
        """The line that should go first, if any may go, and why it may."""
        ready = [(line, reason) for line in self._lines if (reason := self._reason(line))]
        if len(ready) <= 1:
            return ready[0] if ready else None
        if self._all_goes():
            return min(ready, key=lambda one: one[0].due_at)
        candidates = [self._candidate(line) for line, _ in ready]
        if self._by_cost:
            urgent_s = self._limits.max_batch_s
            line = by_cost(candidates, self._now, urgent_s, self._passed)
        else:
            line = oldest(candidates, self._now)
        return next(one for one in ready if one[0] is line)

    def fill(self, first: Line, reason: Release) -> Formed:
        """Take a batch: of the first line, then of the others of its version."""
        price = self._prices[first.key.version_id]
        bound, late = self._bounds[first.key.rank], first.key.rank is Class.LATE
        allowance = Allowance(price, self._limits.max_batch, bound)
        if first.key.dated:
            self._take_dated(allowance, first.key.rank, [first], most=1)
        else:
            allowance.take(first)
        company = self._company(first.key.version_id)
        for rank in (first.key.rank,) if late else (Class.INTERACTIVE, Class.BULK):
            lines = [line for line in company if line.key.rank is rank]
            if lines and rank is Class.BULK and first.key.rank is Class.INTERACTIVE:
                allowance.until(self._limits.mixed_batch_s)
            if dated := [line for line in lines if line.key.dated]:
                self._take_dated(allowance, rank, dated)
            for line in lines:
                if not line.key.dated:
                    allowance.take(line)
        return Formed(
            tuple(allowance.taken), reason, allowance.tokens, allowance.pairs, allowance.seconds
        )

    def _reason(self, line: Line) -> Release | None:
        """The first that holds. What is too late waits for a worker with nothing else to do."""
        place = self._place
        if line.key.rank is Class.LATE:
            return Release.IDLE if place.idle else Release.FLUSH if place.flush else None
        if self._is_full(line.key):
            return Release.FULL
        if line.key.dated and self._slack_s(line) <= RUSH_S:
            return Release.DEADLINE
        if line.due_at <= self._now:
            return Release.TIMER
        return Release.IDLE if place.idle else Release.FLUSH if place.flush else None

    def _all_goes(self) -> bool:
        """Whether one batch takes all that waits, so that nobody needs to be chosen."""
        return (
            len(self._sums) == 1
            and not self._is_full(self._lines[0].key)
            and not any(line.key.dated or line.key.rank for line in self._lines)
        )

    def _is_full(self, key: Key) -> bool:
        """Whether more waits of the version than a batch takes that begins with this class."""
        waiting, price = self._sums[key.version_id], self._prices[key.version_id]
        return is_full(waiting, price, self._limits, self._bounds[key.rank])

    def _slack_s(self, line: Line) -> float:
        hurry_s = self._place.ahead_s + self._place.lag_s + self._seconds(line)
        self.hurries[line.key] = hurry_s + RUSH_S
        return line.deadline - hurry_s - self._now

    def _candidate(self, line: Line) -> Candidate:
        return Candidate(line, self._slack_s(line) if line.key.dated else NEVER)

    def _seconds(self, line: Line) -> float:
        """What a batch takes for those of the line that it takes, predicted."""
        price = self._prices[line.key.version_id]
        allowance = Allowance(price, self._limits.max_batch, self._bounds[line.key.rank])
        rows = allowance.rows_of(line.key.padded, len(line))
        return price.cost.seconds(rows, line.key.padded) if price.cost else 0.0

    def _company(self, version_id: int) -> list[Line]:
        """The lines of a version in which somebody waits, the first due first."""
        lines = [line for line in self._lines if line and line.key.version_id == version_id]
        return lines if len(lines) <= 1 else sorted(lines, key=lambda line: line.due_at)

    def _take_dated(
        self, allowance: Allowance, rank: Class, lines: Sequence[Line], most: float = NEVER
    ) -> None:
        """Take from lines with deadlines, the earliest first, and let the batch be done by then.

        A text that could not be done by its deadline in this batch stays, with those of its length
        behind it, but for the very first, which was chosen.
        """
        heads = [(line.deadline, number) for number, line in enumerate(lines)]
        heapq.heapify(heads)
        while heads and len(allowance.taken) < most:
            deadline, number = heapq.heappop(heads)
            line = lines[number]
            left_s = deadline - self._now - self._place.ahead_s - self._place.lag_s
            possible = allowance.could(left_s, line.key.padded)
            if possible and rank is not Class.LATE:
                allowance.until(left_s)
            elif allowance.taken and rank is not Class.LATE:
                continue
            if allowance.take(line, 1) and line:
                heapq.heappush(heads, (line.deadline, number))
