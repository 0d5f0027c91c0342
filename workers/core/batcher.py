"""Forming batches: who goes, with whom, when, and why.

Deliveries wait in lines, one for each (model version, length bucket, class), those with a deadline
apart. Nothing is released while no worker has a place, so batches grow by themselves under load.
When one has, `workers.core.choice` says which line goes first and `workers.core.allowance` how
much a batch may take: of that line, then of the others of its version, interactive work by
deadline, then bulk work while the earliest deadline still holds and the batch stays short. The
worker cuts by true length once more, so mixed company costs no padding.

    budget     sum of padded lengths <= budget of (version, worker), or a single text
    late       a job whose deadline passed is given back as expired; one that will miss it whatever
               is done lets all others pass, and goes when a worker would be idle
    reasons    FULL, DEADLINE, TIMER, IDLE, FLUSH: the first that holds, counted by the caller

A decision (`workers.core.decision`) looks at each line once and at the ends of the lines alone.
"""

from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Final

from schemas.groups import EVERYTHING
from schemas.record import Partition
from workers.core.costs import Price
from workers.core.decision import Decision, Sum, is_full, shortest_s, sums_of
from workers.core.delivery import Delivery
from workers.core.formed import Formed, Limits, Place
from workers.core.line import NEVER, Class, DatedLine, Key, Line

BUCKETS: Final = tuple(16 << power for power in range(12))
"""Padded lengths in tokens, 16 to 32,768. Longer texts count as the longest: models read no more
of them (`models.windows`)."""

LATELY_S: Final = 10.0
"""So long after the last interactive job, bulk work still keeps its batches short for the next."""

EARLY: Final = 0.3
"""Part of the running batch that may be left when the next one is staged: its end is a guess."""

STAGE_FULL_S: Final = 0.1
"""The next batch is staged so long before its turn where it is full: the way to the worker and its
parsing are shorter, and a job with a deadline that comes meanwhile loses no more."""

SPARE_LINES: Final = 64
"""Empty lines that are kept at least."""


def bucket_of(tokens: int) -> int:
    """The padded length of a text of so many tokens."""
    return BUCKETS[min(bisect_left(BUCKETS, tokens), len(BUCKETS) - 1)]


class Batcher:
    """Holds what is admitted and says what goes next. Not thread-safe; time is an argument."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unknown = Price(None, limits.token_budget)
        self._lines: dict[tuple[int, int, int, bool], Line] = {}
        self._hurries: dict[Key, float] = {}
        self._awaited_at = -NEVER
        self._stage_at: dict[Container[str], float] = {}
        """When the next batch may be staged, by which models a worker serves."""
        self._passed = 0

    def __len__(self) -> int:
        """Deliveries that wait."""
        return sum(map(len, self._lines.values()))

    def add(self, delivery: Delivery) -> None:
        """Let a delivery wait for a batch."""
        self._line_of(delivery).push(delivery)

    def put_back(self, deliveries: tuple[Delivery, ...]) -> None:
        """Return deliveries that were released, ahead of all others of their lines."""
        for delivery in reversed(deliveries):
            self._line_of(delivery).push_front(delivery)

    def next_batch(self, now: float, place: Place) -> Formed | None:
        """The batch that should leave now for a worker with a place, if any; `now` is the monotonic
        clock, in seconds."""
        lines = self._lines_for(place)
        prices = self._prices(lines, place)
        if not lines or self._is_too_early(lines, prices, place, now):
            return None
        if any(line.key.dated for line in lines):
            self._set_late_aside(lines, prices, place, now)
            lines = self._lines_for(place)
        decision = Decision(
            lines,
            sums_of(lines),
            self._limits,
            prices,
            place,
            now,
            awaited=self.awaits(now) and not place.gives_way,
            passed=self._passed,
        )
        found = decision.first()
        hurries = self._hurries | decision.hurries
        self._hurries = {key: hurry for key, hurry in hurries.items() if key in self._lines}
        if found is None:
            return None
        formed = decision.fill(*found)
        if not place.passes:
            self._count_passed(lines, formed)
        return formed

    def awaits(self, now: float) -> bool:
        """Whether interactive jobs have come lately, so that the next may be here any moment."""
        return now - self._awaited_at < LATELY_S

    def expired(self, now: float) -> list[Delivery]:
        """Take what waits and has passed its deadline."""
        found = []
        for line in self._lines.values():
            while line and line.deadline <= now:
                found.append(line.pop())
        return found

    def models(self) -> set[str]:
        """Names of the models that deliveries wait for."""
        return {line.head.version.name for line in self._waiting_lines()}

    def names(self) -> Mapping[int, str]:
        """The model of each version that deliveries wait for."""
        return {line.key.version_id: line.head.version.name for line in self._waiting_lines()}

    def due_at(self) -> float | None:
        """When `next_batch` or `expired` may answer without idleness or arrivals; None when
        empty."""
        return min(map(self._next_look, self._waiting_lines()), default=None)

    def waiting(self) -> Mapping[int, Sum]:
        """What waits, by version."""
        return sums_of(self._waiting_lines())

    def bulk(self) -> Mapping[int, int]:
        """Deliveries of bulk work that wait, by version."""
        bulk = [line for line in self._lines.values() if line and line.key.rank is Class.BULK]
        return {version_id: sums.rows for version_id, sums in sums_of(bulk).items()}

    def drop(self, partition: Partition) -> int:
        """Forget everything of a partition that is no longer ours; returns how many."""
        return len(self.take(lambda each: each.item.partition == partition))

    def take(self, wanted: Callable[[Delivery], bool]) -> list[Delivery]:
        """Take these, wherever they stand."""
        taken: list[Delivery] = []
        for key, line in list(self._lines.items()):
            found = [each for each in line if wanted(each)]
            if found:
                kept = [each for each in line if not wanted(each)]
                del self._lines[key]
                self._wait(line.key, kept)
                taken += found
        return taken

    def pin(self, pinned: Callable[[Delivery], Delivery]) -> None:
        """Let what waits be answered by the versions that `pinned` gives it."""
        waiting = [each for line in self._lines.values() for each in line]
        self._lines.clear()
        for delivery in sorted(waiting, key=lambda each: each.due_at):
            self.add(pinned(delivery))

    def _line_of(self, delivery: Delivery) -> Line:
        dated = delivery.deadline != NEVER
        key = (delivery.version.version_id, delivery.padded, delivery.bulk, dated)
        line = self._lines.get(key)
        return self._new_line(Key(key[0], key[1], Class(key[2]), dated)) if line is None else line

    def _new_line(self, key: Key) -> Line:
        line = self._lines[key] = DatedLine(key) if key.dated else Line(key)
        return line

    def _wait(self, key: Key, deliveries: Iterable[Delivery]) -> None:
        line = self._lines.get(key)
        for delivery in deliveries:
            line = self._new_line(key) if line is None else line
            line.push(delivery)

    def _waiting_lines(self, serves: Container[str] = EVERYTHING) -> list[Line]:
        """The lines of these models in which somebody waits. Empty ones are kept for the next
        arrival, but not for ever: versions come and go."""
        lines = [line for line in self._lines.values() if line]
        if len(self._lines) > 2 * len(lines) + SPARE_LINES:
            self._lines = {line.key: line for line in lines}
        return [line for line in lines if line.head.version.name in serves]

    def _lines_for(self, place: Place) -> list[Line]:
        """The lines that may go there: where interactive jobs pass, they go by that place alone."""
        lines = self._waiting_lines(place.serves)
        if place.passes:
            return [line for line in lines if line.key.rank is Class.INTERACTIVE]
        if place.gives_way:
            return [line for line in lines if line.key.rank is not Class.INTERACTIVE]
        return lines

    def _next_look(self, line: Line) -> float:
        if line.key.rank is Class.LATE:
            return line.deadline
        look = min(line.due_at, line.deadline - self._hurries.get(line.key, 0.0))
        model = line.head.version.name
        staged = (at for serves, at in self._stage_at.items() if model in serves)
        return max(look, min(staged, default=-NEVER))

    def _prices(self, lines: Sequence[Line], place: Place) -> dict[int, Price]:
        versions = {line.key.version_id for line in lines}
        return {one: place.prices(one) if place.prices else self._unknown for one in versions}

    def _is_too_early(
        self, lines: Sequence[Line], prices: Mapping[int, Price], place: Place, now: float
    ) -> bool:
        """Whether the worker is busy for so long that interactive jobs might come meanwhile; where
        more of them wait than a batch takes, another one would not go with it anyway."""
        interactive = [line for line in lines if line.key.rank is Class.INTERACTIVE]
        if interactive:
            self._awaited_at = now
        full = any(
            is_full(waiting, prices[version_id], self._limits, self._limits.max_batch_s)
            for version_id, waiting in sums_of(interactive).items()
        )
        stage_s = STAGE_FULL_S if full else self._limits.stage_s
        early_s = place.ahead_s - max(stage_s, EARLY * place.running_s)
        early = early_s > 0 and not place.idle and not place.gives_way and self.awaits(now)
        self._stage_at[place.serves] = now + early_s if early else -NEVER
        return early

    def _set_late_aside(
        self, lines: Sequence[Line], prices: Mapping[int, Price], place: Place, now: float
    ) -> None:
        """Let those that will miss their deadline, wherever they went now, stand behind all."""
        sums = sums_of(lines)
        for line in lines:
            version_id, padded, rank, dated = line.key
            price = prices[version_id]
            if price.cost is None or not dated or rank is Class.LATE:
                continue
            full = is_full(sums[version_id], price, self._limits, self._limits.max_batch_s)
            shortest = shortest_s(price.cost, padded, full=full)
            done_at = now + place.soonest_s + place.lag_s + shortest
            late = []
            while line and line.deadline < done_at:
                late.append(line.pop())
            self._wait(line.key._replace(rank=Class.LATE), late)

    def _count_passed(self, lines: Sequence[Line], formed: Formed) -> None:
        """Count the batches that passed bulk work by."""
        waits = any(line.key.rank is Class.BULK and line for line in lines)
        took = any(each.bulk for each in formed.deliveries)
        self._passed = 0 if took or not waits else self._passed + 1
