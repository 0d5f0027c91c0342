"""What goes together, when, and why; and that nothing is lost, doubled or forgotten."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit import examples
from tests.unit.examples import delivery, version
from workers.core.allowance import BATCH_BYTES
from workers.core.batcher import BUCKETS, Batcher, bucket_of
from workers.core.choice import BULK_PATIENCE_S
from workers.core.delivery import Delivery
from workers.core.formed import Formed, Limits, Place, Release

IDLE, BUSY = Place(idle=True), Place(idle=False)


def batcher(*deliveries: Delivery, max_batch: int = 4, token_budget: int = 10_000) -> Batcher:
    made = Batcher(Limits(max_batch=max_batch, token_budget=token_budget))
    for each in deliveries:
        made.add(each)
    return made


def offsets(formed: Formed | None) -> list[int]:
    return [] if formed is None else [each.item.offset for each in formed.deliveries]


def drained(made: Batcher) -> list[list[int]]:
    batches = []
    while found := offsets(made.next_batch(0.0, IDLE)):
        batches.append(found)
    return batches


@pytest.mark.parametrize(
    ("tokens", "padded"),
    [(0, 16), (16, 16), (17, 32), (512, 512), (513, 1024), (32_768, 32_768), (10**6, 32_768)],
)
def test_a_length_is_rounded_up_to_its_bucket(tokens: int, padded: int) -> None:
    assert bucket_of(tokens) == padded


@pytest.mark.parametrize(
    ("count", "due_at", "idle", "reason"),
    [
        (4, 0.0, True, Release.FULL),
        (4, 9.0, False, Release.FULL),
        (1, 0.0, True, Release.TIMER),
        (1, 0.0, False, Release.TIMER),
        (1, 9.0, True, Release.IDLE),
        (1, 9.0, False, None),
        (0, 9.0, True, None),
    ],
)
def test_the_reason_is_the_first_that_holds(count, due_at, idle, reason) -> None:
    made = batcher(*(delivery(due_at=due_at) for _ in range(count)))
    formed = made.next_batch(1.0, Place(idle=idle))
    assert (formed.reason if formed else None) is reason


def test_a_full_token_budget_is_full_too() -> None:
    made = batcher(
        delivery(padded=64, due_at=9.0), delivery(padded=64, due_at=9.0), token_budget=128
    )
    formed = made.next_batch(0.0, BUSY)
    assert formed is not None
    assert formed.reason is Release.FULL


def test_one_text_beyond_the_budget_goes_alone() -> None:
    made = batcher(delivery(0, padded=512), delivery(1, padded=16), token_budget=100)
    assert drained(made) == [[0], [1]]


def test_a_flood_of_bulk_work_never_stands_in_front_until_it_has_waited_long() -> None:
    flood = [delivery(n, is_bulk=True, due_at=1.0) for n in range(4)]
    made = batcher(*flood, delivery(9, due_at=3.0), max_batch=2)
    formed = made.next_batch(1.0 + BULK_PATIENCE_S - 1, BUSY)
    assert formed is not None
    assert [each.item.offset for each in formed.deliveries] == [9, 0]
    made.add(delivery(10, due_at=3.0))
    formed = made.next_batch(1.0 + BULK_PATIENCE_S, BUSY)
    assert formed is not None
    assert [each.item.offset for each in formed.deliveries] == [1, 2]


def test_a_batch_of_huge_texts_stays_a_light_message() -> None:
    heavy = BATCH_BYTES // 2
    made = batcher(*(delivery(n, size=heavy) for n in range(3)), delivery(3, size=2 * BATCH_BYTES))
    assert drained(made) == [[0, 1], [2], [3]]


def test_the_first_due_goes_first_and_takes_its_own_length_along_first() -> None:
    made = batcher(
        delivery(0, padded=16, due_at=3),
        delivery(1, padded=64, due_at=1),
        delivery(2, padded=16, due_at=4),
        delivery(3, padded=64, due_at=5),
        max_batch=3,
    )
    assert drained(made) == [[1, 3, 0], [2]]


def test_versions_never_mix() -> None:
    old, new = version(1), version(2)
    made = batcher(*(delivery(n, of=(old, new)[n % 2], due_at=n) for n in range(6)))
    assert drained(made) == [[0, 2, 4], [1, 3, 5]]


def test_bulk_fills_the_batch_of_an_interactive_head() -> None:
    made = batcher(delivery(0, is_bulk=True, due_at=1.0), delivery(1, due_at=0.005))
    assert drained(made) == [[1, 0]]


def test_what_is_put_back_goes_first_in_its_old_order() -> None:
    made = batcher(*(delivery(n) for n in range(4)), max_batch=2)
    first = made.next_batch(0.0, IDLE)
    assert first is not None
    made.put_back(first.deliveries)
    assert drained(made) == [[0, 1], [2, 3]]


def test_a_lost_partition_takes_its_deliveries_away_and_no_others() -> None:
    gone = examples.partition(1)
    made = batcher(delivery(0), delivery(1, at=gone), delivery(2, at=gone, padded=64), delivery(3))
    assert made.drop(gone) == 2
    assert len(made) == 2
    assert drained(made) == [[0, 3]]
    assert made.drop(gone) == 0


def test_it_says_when_to_look_again() -> None:
    made = batcher(delivery(due_at=5.0), delivery(due_at=3.0, padded=64))
    assert made.due_at() == 3.0
    assert batcher().due_at() is None


class BatcherMachine(RuleBasedStateMachine):
    """Any order of arrivals, releases, returns and losses."""

    @initialize(max_batch=st.integers(1, 6), token_budget=st.integers(1, 600))
    def begin(self, max_batch: int, token_budget: int) -> None:
        self.now, self.next_offset = 0.0, 0
        self.max_batch, self.token_budget = max_batch, token_budget
        self.batcher = Batcher(Limits(max_batch=max_batch, token_budget=token_budget))
        self.waiting: dict[int, Delivery] = {}
        self.seen: Counter[int] = Counter()

    @rule(
        number=st.integers(0, 2),
        version_id=st.integers(1, 2),
        padded=st.sampled_from(BUCKETS),
        is_bulk=st.booleans(),
    )
    def arrive(self, number: int, version_id: int, padded: int, is_bulk: bool) -> None:
        arrived = delivery(
            self.next_offset,
            at=examples.partition(number),
            of=version(version_id),
            padded=padded,
            is_bulk=is_bulk,
            due_at=self.now + (1.0 if is_bulk else 0.005),
        )
        self.next_offset += 1
        self.waiting[arrived.item.offset] = arrived
        self.batcher.add(arrived)

    @rule(seconds=st.sampled_from([0.001, 0.01, 1.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.waiting)
    @rule(idle=st.booleans(), refused=st.booleans())
    def release(self, idle: bool, refused: bool) -> None:
        formed = self.batcher.next_batch(self.now, Place(idle=idle))
        if formed is None:
            assert not idle
            soonest = min(each.due_at for each in self.waiting.values())
            assert soonest > self.now, "something due was left"
            return
        self.is_a_right_batch(formed)
        if refused:
            self.batcher.put_back(formed.deliveries)
            return
        for each in formed.deliveries:
            del self.waiting[each.item.offset]  # fails where one is released twice

    def is_a_right_batch(self, formed: Formed) -> None:
        assert len(formed.deliveries) <= self.max_batch
        tokens = sum(each.padded for each in formed.deliveries)
        assert tokens <= self.token_budget or len(formed.deliveries) == 1
        assert len({each.version.version_id for each in formed.deliveries}) == 1
        head = formed.deliveries[0]
        if head.bulk and self.now < head.due_at + BULK_PATIENCE_S:
            due = [w for w in self.waiting.values() if not w.bulk and w.due_at <= self.now]
            assert due == [], "bulk work stood in front of interactive work"
        taken = {each.item.offset for each in formed.deliveries}
        for each in formed.deliveries:
            ahead = [w for w in self.waiting.values() if kind(w) == kind(each)]
            assert all(w.item.offset in taken for w in ahead if w.item.offset < each.item.offset)

    @rule(number=st.integers(0, 2))
    def lose(self, number: int) -> None:
        partition = examples.partition(number)
        gone = [o for o, each in self.waiting.items() if each.item.partition == partition]
        assert self.batcher.drop(partition) == len(gone)
        for offset in gone:
            del self.waiting[offset]

    @invariant()
    def counts_are_right(self) -> None:
        if hasattr(self, "batcher"):
            assert len(self.batcher) == len(self.waiting)
            assert self.batcher.due_at() == min(
                (each.due_at for each in self.waiting.values()), default=None
            )

    def teardown(self) -> None:
        if not hasattr(self, "batcher"):
            return
        while formed := self.batcher.next_batch(self.now, IDLE):
            for each in formed.deliveries:
                del self.waiting[each.item.offset]
        assert not self.waiting
        assert len(self.batcher) == 0


def kind(each: Delivery) -> tuple[int, int, bool]:
    return each.version.version_id, each.padded, each.bulk


TestAnyOrderOfEvents = BatcherMachine.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


@given(st.lists(st.sampled_from([16, 64, 512]), min_size=1, max_size=40))
def test_nothing_waits_for_ever_while_newer_work_keeps_coming(lengths: list[int]) -> None:
    made = batcher(delivery(0, padded=256, is_bulk=True, due_at=1.0), max_batch=1)
    for step in itertools.count(1):
        now = step * 0.5
        assert now <= 1.0 + BULK_PATIENCE_S + 0.5, "the bulk job was starved"
        made.add(delivery(step, padded=lengths[step % len(lengths)], due_at=now + 0.005))
        if 0 in offsets(made.next_batch(now, IDLE)):
            return
