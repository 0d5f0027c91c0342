"""What holds of every batch, whatever waits: nothing is lost or doubled, no budget exceeded."""

from collections.abc import Iterable
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import examples
from tests.unit.examples import delivery, place
from workers.core.allowance import CALLS
from workers.core.batcher import BUCKETS, Batcher
from workers.core.cost import Cost
from workers.core.delivery import Delivery
from workers.core.formed import Formed, Limits

arrivals = st.tuples(
    st.sampled_from(BUCKETS[:8]),
    st.booleans(),
    st.integers(1, 2),
    st.sampled_from([None, 0.02, 0.3, 5.0]),
)


@given(
    st.lists(st.lists(arrivals, max_size=12), max_size=25),
    st.tuples(st.floats(1e-5, 0.05), st.floats(0, 1e-3), st.floats(0, 1e-6)),
    st.integers(16, 2048),
    st.floats(0, 0.3),
)
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_or_doubled_and_no_batch_is_beyond_its_budget(
    rounds, prices, tokens, ahead_s
) -> None:
    mill = _Mill(Cost(*prices), tokens)
    for number, arrived in enumerate(rounds):
        for padded, is_bulk, version, patience in arrived:
            mill.arrive(padded, is_bulk, version, patience)
        mill.leave(mill.batcher.expired(mill.now))
        mill.release(idle=number % 3 == 0, ahead_s=ahead_s, soonest_s=ahead_s)
        assert len(mill.batcher) == len(mill.waiting)
        mill.now += 0.05
    while mill.release(idle=True):
        pass
    assert not mill.waiting


class _Mill:
    """A batcher, and what ought to wait in it."""

    def __init__(self, cost: Cost, tokens: int) -> None:
        self.limits = Limits(max_batch=5, max_batch_s=0.1, mixed_batch_s=0.03)
        self.batcher, self.cost, self.tokens = Batcher(self.limits), cost, tokens
        self.waiting: set[int] = set()
        self.now, self.numbers = 0.0, count()

    def arrive(self, padded: int, is_bulk: bool, version: int, patience: float | None) -> None:
        arrived = delivery(
            next(self.numbers),
            padded=padded,
            is_bulk=is_bulk,
            of=examples.version(version),
            due_at=self.now + (1.0 if is_bulk else 0.005),
            **({} if patience is None else {"deadline": self.now + patience}),
        )
        self.waiting.add(arrived.item.offset)
        self.batcher.add(arrived)

    def leave(self, deliveries: Iterable[Delivery]) -> None:
        for each in deliveries:
            self.waiting.remove(each.item.offset)  # fails where one is released twice

    def release(self, *, idle: bool, **busy: float) -> bool:
        at = place(idle, self.cost, self.tokens, **busy)
        formed = self.batcher.next_batch(self.now, at)
        if formed is None:
            return False
        self.is_within(formed)
        self.leave(formed.deliveries)
        return True

    def is_within(self, formed: Formed) -> None:
        most = max(self.limits.max_batch_s, CALLS * self.cost.call_s)
        assert len({each.version.version_id for each in formed.deliveries}) == 1
        assert formed.tokens == sum(each.padded for each in formed.deliveries)
        if len(formed.deliveries) > 1:
            assert len(formed.deliveries) <= self.limits.max_batch
            assert formed.tokens <= self.tokens
            assert self.cost.batch_s(formed.tokens, formed.pairs) <= most * 1.000001
