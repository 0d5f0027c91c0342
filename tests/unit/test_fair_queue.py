"""Bulk work at the queue: who goes next, who waits, who is not wanted any more."""

from collections import Counter

import pytest

from tests.unit.examples import delivery, partition, version
from workers.core import fair_queue as module
from workers.core.delivery import Delivery
from workers.core.fair_queue import FairQueue
from workers.ports import Order


def bulk(bulk_id: str | None = "b", tenant: str = "t", **fields: object) -> Delivery:
    return delivery(is_bulk=True, bulk_id=bulk_id, tenant=tenant, **fields)  # type: ignore[arg-type]


def queue_of(*deliveries: Delivery, orders: dict[str, Order] | None = None) -> FairQueue:
    queue = FairQueue()
    queue.obey(orders or {})
    for each in deliveries:
        queue.add(each)
    return queue


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small window, so that few deliveries fill it."""
    monkeypatch.setattr(module, "WINDOW", 6)


def of(drawn: list[Delivery]) -> list[str | None]:
    return [each.item.job.bulk_id for each in drawn]


def test_a_job_goes_in_its_order_and_no_further_than_the_window() -> None:
    all_of_it = [bulk() for _ in range(8)]
    queue = queue_of(*all_of_it)

    assert queue.draw({1: 2}) == all_of_it[:4]
    assert queue.draw({1: 6}) == []
    assert queue.draw({}) == all_of_it[4:]
    assert len(queue) == 0


def test_what_one_version_waits_for_holds_no_other_up() -> None:
    queue = queue_of(*(bulk("a") for _ in range(9)), bulk("b", of=version(2)))

    assert "b" in of(queue.draw({1: 6}))


def test_higher_priority_goes_first() -> None:
    orders = {"high": Order(priority=1), "low": Order(priority=-1)}
    queue = queue_of(bulk("low"), bulk("usual"), bulk("high"), bulk(None), orders=orders)

    assert of(queue.draw({})) == ["high", "usual", None, "low"]


def test_a_paused_job_waits_and_goes_on() -> None:
    first, second = bulk("a"), bulk("b")
    queue = queue_of(first, second, orders={"a": Order("paused")})

    assert queue.draw({}) == [second]
    assert queue.waiting() == {}
    assert queue.obey({})
    assert queue.waiting()[1].rows == 1
    assert queue.draw({}) == [first]
    assert not queue.obey({})


def test_a_cancelled_job_is_taken_out() -> None:
    first, second = bulk("a"), bulk("b")
    queue = queue_of(first, second)
    queue.obey({"a": Order("cancelled")})

    assert queue.is_cancelled(first)
    assert not queue.is_cancelled(second)
    assert queue.take_cancelled() == [first]
    assert queue.draw({}) == [second]


def test_tenants_share_by_what_their_texts_take() -> None:
    """One has long texts, the other short ones and came first with many."""
    queue = queue_of(
        *(bulk("a", "many", padded=16) for _ in range(40)),
        *(bulk("b", "few", padded=64) for _ in range(10)),
    )
    tokens: Counter[str] = Counter()
    for _ in range(4):
        for each in queue.draw({}):
            tokens[each.item.job.tenant] += each.padded

    assert abs(tokens["many"] - tokens["few"]) <= 64


def test_a_tenant_gets_no_credit_for_having_been_away() -> None:
    queue = queue_of(*(bulk("a", "early") for _ in range(12)))
    queue.draw({})
    for _ in range(6):
        queue.add(bulk("b", "late"))

    assert Counter(of(queue.draw({}))) == {"a": 3, "b": 3}


def test_priority_of_one_tenant_takes_nothing_from_another() -> None:
    queue = queue_of(
        *(bulk("a", "x") for _ in range(6)),
        *(bulk("b", "y") for _ in range(6)),
        orders={"a": Order(priority=1)},
    )

    assert Counter(of(queue.draw({}))) == {"a": 3, "b": 3}


def test_a_lost_partition_and_a_passed_deadline_leave_the_others() -> None:
    gone, late, kept = bulk(at=partition(1)), bulk(deadline=5.0), bulk(deadline=9.0)
    queue = queue_of(gone, late, kept)

    queue.drop(partition(1))
    assert queue.take_expired(5.0) == [late]
    assert queue.take_expired(6.0) == []
    assert queue.draw({}) == [kept]


def test_what_was_drawn_comes_back_ahead() -> None:
    first, second, third = bulk(), bulk(), bulk()
    queue = queue_of(first, second)
    drawn = queue.draw({})
    queue.add(third)
    queue.put_back(drawn)

    assert queue.draw({}) == [first, second, third]


def test_a_tenant_pays_only_for_what_it_keeps() -> None:
    queue = queue_of(*(bulk(tenant=tenant) for tenant in "ab" for _ in range(6)))
    drawn = queue.draw({})
    queue.put_back([one for one in drawn if one.item.job.tenant == "a"])

    again = [one.item.job.tenant for one in queue.draw({1: 3})]
    assert again == ["a", "a", "a"]
