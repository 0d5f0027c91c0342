"""Bulk work at the gate: who goes next, who waits, who is not wanted any more."""

from collections import Counter

import pytest

from tests.unit.examples import delivery, partition, version
from workers.core import gate as module
from workers.core.delivery import Delivery
from workers.core.gate import Gate
from workers.ports import Order


def bulk(bulk_id: str | None = "b", tenant: str = "t", **fields: object) -> Delivery:
    return delivery(is_bulk=True, bulk_id=bulk_id, tenant=tenant, **fields)  # type: ignore[arg-type]


def gate_of(*deliveries: Delivery, orders: dict[str, Order] | None = None) -> Gate:
    gate = Gate()
    gate.obey(orders or {})
    for each in deliveries:
        gate.add(each)
    return gate


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small window, so that few deliveries fill it."""
    monkeypatch.setattr(module, "WINDOW", 6)


def of(drawn: list[Delivery]) -> list[str | None]:
    return [each.item.job.bulk_id for each in drawn]


def test_a_job_goes_in_its_order_and_no_further_than_the_window() -> None:
    all_of_it = [bulk() for _ in range(8)]
    gate = gate_of(*all_of_it)

    assert gate.draw({1: 2}) == all_of_it[:4]
    assert gate.draw({1: 6}) == []
    assert gate.draw({}) == all_of_it[4:]
    assert len(gate) == 0


def test_what_one_version_waits_for_holds_no_other_up() -> None:
    gate = gate_of(*(bulk("a") for _ in range(9)), bulk("b", of=version(2)))

    assert "b" in of(gate.draw({1: 6}))


def test_higher_priority_goes_first() -> None:
    orders = {"high": Order(priority=1), "low": Order(priority=-1)}
    gate = gate_of(bulk("low"), bulk("usual"), bulk("high"), bulk(None), orders=orders)

    assert of(gate.draw({})) == ["high", "usual", None, "low"]


def test_a_paused_job_waits_and_goes_on() -> None:
    first, second = bulk("a"), bulk("b")
    gate = gate_of(first, second, orders={"a": Order("paused")})

    assert gate.draw({}) == [second]
    assert gate.waiting() == {}
    assert gate.obey({})
    assert gate.waiting()[1].rows == 1
    assert gate.draw({}) == [first]
    assert not gate.obey({})


def test_a_cancelled_job_is_taken_out() -> None:
    first, second = bulk("a"), bulk("b")
    gate = gate_of(first, second)
    gate.obey({"a": Order("cancelled")})

    assert gate.is_cancelled(first)
    assert not gate.is_cancelled(second)
    assert gate.take_cancelled() == [first]
    assert gate.draw({}) == [second]


def test_tenants_share_by_what_their_texts_take() -> None:
    """One has long texts, the other short ones and came first with many."""
    gate = gate_of(
        *(bulk("a", "many", padded=16) for _ in range(40)),
        *(bulk("b", "few", padded=64) for _ in range(10)),
    )
    tokens: Counter[str] = Counter()
    for _ in range(4):
        for each in gate.draw({}):
            tokens[each.item.job.tenant] += each.padded

    assert abs(tokens["many"] - tokens["few"]) <= 64


def test_a_tenant_gets_no_credit_for_having_been_away() -> None:
    gate = gate_of(*(bulk("a", "early") for _ in range(12)))
    gate.draw({})
    for _ in range(6):
        gate.add(bulk("b", "late"))

    assert Counter(of(gate.draw({}))) == {"a": 3, "b": 3}


def test_priority_of_one_tenant_takes_nothing_from_another() -> None:
    gate = gate_of(
        *(bulk("a", "x") for _ in range(6)),
        *(bulk("b", "y") for _ in range(6)),
        orders={"a": Order(priority=1)},
    )

    assert Counter(of(gate.draw({}))) == {"a": 3, "b": 3}


def test_a_lost_partition_and_a_passed_deadline_leave_the_others() -> None:
    gone, late, kept = bulk(at=partition(1)), bulk(deadline=5.0), bulk(deadline=9.0)
    gate = gate_of(gone, late, kept)

    gate.drop(partition(1))
    assert gate.take_expired(5.0) == [late]
    assert gate.take_expired(6.0) == []
    assert gate.draw({}) == [kept]


def test_what_was_drawn_comes_back_ahead() -> None:
    first, second, third = bulk(), bulk(), bulk()
    gate = gate_of(first, second)
    drawn = gate.draw({})
    gate.add(third)
    gate.put_back(drawn)

    assert gate.draw({}) == [first, second, third]
