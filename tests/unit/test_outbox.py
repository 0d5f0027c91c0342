"""Dead letters reach their topic at least once, whatever fails on the way."""

import pytest

from schemas.errors import UsageError
from schemas.topics import DEAD_LETTERS
from workers.outbox import BUNCH, Outbox


class Letters:
    """A ledger with letters, and a log that may be away; both remember."""

    def __init__(self, count: int) -> None:
        self.waiting = [(number, b"letter") for number in range(count)]
        self.written: list[str] = []
        self.opened = 0
        self.away = False

    def dead_letters_to_publish(self, limit: int) -> list[tuple[int, bytes]]:
        return self.waiting[:limit]

    def mark_published(self, ids: list[int]) -> None:
        self.waiting = [letter for letter in self.waiting if letter[0] not in ids]

    def open(self) -> "Letters":
        self.opened += 1
        return self

    def append(self, topic: str, records: list[tuple[str, bytes]]) -> None:
        assert topic == DEAD_LETTERS
        if self.away:
            raise UsageError("there is no such topic")
        self.written += [key for key, _ in records]

    def close(self) -> None:
        pass


def test_all_letters_go_out_through_one_writer() -> None:
    world = Letters(BUNCH + 1)
    outbox = Outbox(world, world.open)  # type: ignore[arg-type]
    outbox.publish()
    assert (len(world.written), world.waiting, world.opened) == (BUNCH + 1, [], 1)


def test_a_log_that_refuses_loses_nothing_and_is_opened_anew() -> None:
    world = Letters(1)
    outbox = Outbox(world, world.open)  # type: ignore[arg-type]
    world.away = True
    with pytest.raises(UsageError):
        outbox.publish()
    world.away = False
    outbox.publish()
    assert (world.written, world.waiting, world.opened) == (["0"], [], 2)
