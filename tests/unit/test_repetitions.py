"""When repetitions are expected."""

from workers.sql.repetitions import LASTING, Repetitions


def test_none_is_expected_until_one_came_and_until_none_came_for_a_while() -> None:
    repetitions = Repetitions()
    assert not repetitions.expected()
    repetitions.note(False)
    assert not repetitions.expected()

    repetitions.note(True)
    for _ in range(LASTING - 1):
        repetitions.note(False)
        assert repetitions.expected()
    repetitions.note(False)
    assert not repetitions.expected()


def test_one_more_begins_the_while_anew() -> None:
    repetitions = Repetitions()
    repetitions.note(True)
    for _ in range(LASTING - 1):
        repetitions.note(False)
    repetitions.note(True)
    repetitions.note(False)
    assert repetitions.expected()
