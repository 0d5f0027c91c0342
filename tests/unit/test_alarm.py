"""The alarm rings when more than a fifth of the last 200 records were refused."""

from workers.core.alarm import SHARE, WINDOW, RejectionAlarm

ALLOWED = int(WINDOW * SHARE)


def rings(*refused: bool) -> int:
    alarm = RejectionAlarm()
    return sum(alarm.note(each) for each in refused)


def test_it_is_silent_before_it_has_seen_enough() -> None:
    assert rings(*[True] * (WINDOW - 1)) == 0


def test_it_rings_at_the_first_record_beyond_a_fifth() -> None:
    assert rings(*[False] * (WINDOW - ALLOWED), *[True] * ALLOWED) == 0
    assert rings(*[False] * (WINDOW - ALLOWED), *[True] * (ALLOWED + 1)) == 1


def test_it_forgets_what_is_long_ago() -> None:
    assert rings(*[True] * ALLOWED, *[False] * WINDOW, *[True] * ALLOWED) == 0


def test_it_begins_anew_after_it_rang() -> None:
    assert rings(*[True] * (2 * WINDOW - 1)) == 1
    assert rings(*[True] * (2 * WINDOW)) == 2
