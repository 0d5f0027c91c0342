"""Answers for comparison: after the real one, where nobody waits, and never without bound."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest

from schemas.batch import Completion
from tests.unit.examples import delivery, key, partition, version, worker
from tests.unit.fake_workers import oracle
from tests.unit.mill import Mill, milling, shorten, tell
from tests.unit.story import Story
from workers.core.delivery import Delivery
from workers.core.shadows import PATIENCE_S, Shadows

SHADOW = version(2)


def waiting(count: int, **limits: int) -> tuple[Shadows, Counter[str]]:
    """So many jobs that are answered and shall be answered by `SHADOW` too."""
    counts: Counter[str] = Counter()
    shadows = Shadows(counts, **limits)
    shadows.choose = lambda _: SHADOW
    given = [delivery(offset) for offset in range(count)]
    shadows.add(given, [key(one) for one in given], 0.0)
    return shadows, counts


def able(name: str = "w1", *versions: int) -> Any:
    return msgspec.structs.replace(worker(name), versions=versions or (2,))


def taken(found: Any) -> list[int]:
    return [one.item.offset for one in found[1]]


def test_only_what_is_settled_is_compared() -> None:
    shadows, _ = waiting(0)
    given = [delivery(1), delivery(2)]
    shadows.add(given, [key(given[1])], 0.0)
    found = shadows.next([able()], 0.0)
    assert found is not None
    assert taken(found) == [2]
    assert found[1][0].version == SHADOW


def test_a_version_is_not_compared_with_itself() -> None:
    shadows, _ = waiting(0)
    shadows.choose = lambda one: one.version
    shadows.add([delivery(1)], [key(delivery(1))], 0.0)
    assert len(shadows) == 0


def test_only_a_worker_that_has_the_version_is_asked() -> None:
    shadows, _ = waiting(1)
    assert shadows.next([able("w1", 1), able("w2", 3)], 0.0) is None
    found = shadows.next([able("w1", 1), able("w2", 1, 2)], 0.0)
    assert found is not None
    assert found[0].worker_id == "w2"


def test_a_worker_has_one_batch_at_a_time() -> None:
    shadows, counts = waiting(4, tokens=1)
    assert shadows.next([able()], 0.0) is not None
    shadows.sent("b1", "w1", 1, 0.0)
    assert shadows.next([able()], 0.0) is None
    shadows.landed("b1")
    assert shadows.next([able()], 0.0) is not None
    assert counts["shadow_sent"] == 1


def test_a_batch_is_small() -> None:
    shadows, _ = waiting(10, tokens=3 * delivery(0).padded)
    found = shadows.next([able()], 0.0)
    assert found is not None
    assert taken(found) == [0, 1, 2]


def test_what_finds_no_room_is_dropped_and_counted() -> None:
    shadows, counts = waiting(10, most=4)
    assert len(shadows) == 4
    assert counts["shadow_dropped"] == 6


def test_what_waits_too_long_is_dropped() -> None:
    shadows, counts = waiting(3)
    assert shadows.next([able()], PATIENCE_S + 1) is None
    assert (len(shadows), counts["shadow_dropped"]) == (0, 3)


def test_a_batch_that_never_comes_back_does_not_block_its_worker() -> None:
    shadows, _ = waiting(1)
    shadows.sent("lost", "w1", 1, 0.0)
    later = [delivery(9)]
    shadows.add(later, [key(later[0])], PATIENCE_S + 1)
    assert shadows.next([able()], PATIENCE_S + 2) is not None


def story_with_shadow() -> Story:
    story = Story("w1")
    story.workers["w1"] = able("w1", 1, 2)
    story.look()
    story.scheduler.pin(lambda one: one, second=lambda _: SHADOW)
    story.claim()
    return story


def test_work_that_somebody_waits_for_goes_first() -> None:
    story = story_with_shadow()
    story.arrive(delivery(0))
    story.now = 10.0
    (flight,) = story.send()
    assert story.scheduler.comparison(story.now) is None, "the worker has something to do"
    story.workers["w1"] = able("w1", 1, 2)
    story.look()
    settled = tuple(map(key, flight.deliveries))
    story.scheduler.land(
        Completion(batch_id=flight.batch_id, worker_id="w1", settled=settled), story.now
    )
    story.arrive(delivery(1))
    assert story.scheduler.comparison(story.now) is None, "a job waits"
    story.now = 20.0
    (flight,) = story.send()
    report = Completion(batch_id=flight.batch_id, worker_id="w1", settled=())
    story.workers["w1"] = able("w1", 1, 2)
    story.look()
    settled = tuple(map(key, flight.deliveries))
    story.scheduler.land(msgspec.structs.replace(report, settled=settled), story.now)
    found = story.scheduler.comparison(story.now)
    assert found is not None
    assert taken(found) == [0, 1]


def test_a_failing_shadow_settles_nothing() -> None:
    story = story_with_shadow()
    failed = Completion(batch_id="shadow", worker_id="w1", error="broken")
    assert story.scheduler.land(failed, 0.0) == frozenset()
    assert story.scheduler.counts["retried"] == 0


def test_every_job_has_its_answer_and_the_shadows_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)

    async def story() -> None:
        mill = Mill()
        mill.store.shadow = SHADOW
        mill.hand_over.versions = (1, 2)
        async with milling(mill):
            mill.publish(40)
            await mill.all_done()
            await mill.until(lambda: len(mill.store.compared) == 40)
        mill.is_right()
        assert {version_id for version_id, _ in mill.store.compared.values()} == {2}
        said = {prediction.label for _, prediction in mill.store.compared.values()}
        assert said == {oracle(text).label for text in mill.texts.values()}

    tell(story)


def test_a_shadow_that_is_lost_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)

    async def story() -> None:
        mill = Mill()
        mill.store.shadow = SHADOW
        mill.hand_over.versions = (1, 2)
        mill.hand_over.arrives = lambda batch: 0 if batch.shadow else 1
        async with milling(mill):
            mill.publish(10)
            await mill.all_done()
            await mill.until(lambda: any(batch.shadow for batch in mill.hand_over.batches))
            await asyncio.sleep(0.05)
            mill.publish(10)
            await mill.all_done()
        mill.is_right()
        assert mill.store.compared == {}

    tell(story)


def unused(_: Delivery) -> None:
    """A route without a shadow."""


def test_a_route_without_a_shadow_compares_nothing() -> None:
    shadows, counts = waiting(0)
    shadows.choose = unused
    shadows.add([delivery(1, at=partition(0))], [key(delivery(1))], 0.0)
    assert (len(shadows), counts) == (0, Counter())
