"""What the intake does not read on while enough is in memory."""

import pytest

from schemas.settings import DispatchSettings
from tests.unit.examples import delivery, partition
from tests.unit.story import Story
from workers.core.batcher import LATELY_S
from workers.core.throttle import ENOUGH_S, rest
from workers.ports import Profile

BULK = partition(is_bulk=True)
SETTINGS = DispatchSettings()


def bulk(story: Story, *offsets: int) -> None:
    story.arrive(*(delivery(number, at=BULK, is_bulk=True) for number in offsets))


def test_some_bulk_work_is_enough_while_interactive_jobs_come() -> None:
    story = Story("w1", known=[Profile(1, "cpu", (0.0, 0.01, 0.0), 9)])
    story.claim()
    story.claim(BULK)
    story.arrive(delivery(0))
    story.send()
    bulk(story, 0)
    assert story.scheduler.backlog_s == pytest.approx(0.16)
    assert rest(story.scheduler, SETTINGS, story.now) == (False, False)
    bulk(story, 1)
    assert story.scheduler.backlog_s > ENOUGH_S
    assert rest(story.scheduler, SETTINGS, story.now) == (True, False)
    later = story.now + LATELY_S
    assert rest(story.scheduler, SETTINGS, later) == (False, False), "nobody comes any more"


def test_bulk_work_is_read_on_while_nobody_else_comes() -> None:
    story = Story("w1", known=[Profile(1, "cpu", (0.0, 0.01, 0.0), 9)])
    story.claim(BULK)
    bulk(story, *range(9))
    assert story.scheduler.backlog_s == pytest.approx(1.44)
    assert rest(story.scheduler, SETTINGS, story.now) == (False, False)


@pytest.mark.parametrize(
    ("jobs", "resting"), [(2, (False, False)), (3, (True, False)), (4, (True, True))]
)
def test_bulk_work_rests_first_when_memory_fills(jobs: int, resting: tuple[bool, bool]) -> None:
    story = Story()
    story.claim()
    story.arrive(*(delivery(number) for number in range(jobs)))
    assert rest(story.scheduler, DispatchSettings(max_in_flight=4), story.now) == resting
