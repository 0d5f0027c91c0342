"""What the Ledger port promises, on both databases."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from schemas.record import Terminal
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import World, partition
from workers.sql.endings import MAX_RAW_BYTES

__all__ = ["store_url", "world"]


def test_each_claim_raises_the_epoch(world: World) -> None:
    fresh = partition(5)

    assert [world.ledger.claim(fresh, "a").epoch for _ in range(3)] == [1, 2, 3]


def test_a_first_claim_knows_no_offset(world: World) -> None:
    claim = world.ledger.claim(partition(5), "a")

    assert claim.partition == partition(5)
    assert claim.next_offset is None
    assert claim.settled == frozenset()


def test_a_claim_knows_the_watermark_and_what_is_settled_beyond(world: World) -> None:
    world.record(*(world.answer(offset) for offset in (0, 1, 2, 5, 8)))
    world.ledger.end([world.ending(6), world.ending(3)])
    world.ledger.advance({world.p: (world.epoch, 4)})

    claim = world.ledger.claim(world.p, "second")

    assert claim.next_offset == 4
    assert claim.settled == {5, 6, 8}


def test_without_a_watermark_all_that_is_settled_counts(world: World) -> None:
    world.record(world.answer(0), world.answer(7))

    claim = world.ledger.claim(world.p, "second")

    assert (claim.next_offset, claim.settled) == (None, frozenset({0, 7}))


def test_partitions_are_told_apart_by_uuid_and_number(world: World) -> None:
    world.record(world.answer(0))
    again = world.p._replace(topic_id="f" * 32)

    for other in (again, partition(1)):
        claim = world.ledger.claim(other, "a")
        assert (claim.epoch, claim.settled) == (1, frozenset())


def test_a_watermark_never_falls(world: World) -> None:
    for mark in (0, 5, 3, 5):
        assert world.ledger.advance({world.p: (world.epoch, mark)}) == frozenset()

    assert world.ledger.claim(world.p, "second").next_offset == 5


def test_a_stale_claim_advances_nothing(world: World) -> None:
    other = partition(1)
    epoch = world.ledger.claim(other, "first").epoch
    world.ledger.claim(world.p, "second")

    fenced = world.ledger.advance({world.p: (world.epoch, 9), other: (epoch, 4)})

    assert fenced == {world.p}
    assert world.ledger.claim(world.p, "third").next_offset is None
    assert world.ledger.claim(other, "third").next_offset == 4


def test_advancing_an_unclaimed_partition_is_fenced(world: World) -> None:
    assert world.ledger.advance({partition(3): (1, 1)}) == {partition(3)}


def test_a_stale_claim_ends_nothing(world: World) -> None:
    stale = world.ending(0, raw=b"x")
    world.ledger.claim(world.p, "second")
    before = world.everything()

    assert world.ledger.end([stale]) == {world.p}
    assert world.everything() == before


def test_endings_are_written_once(world: World) -> None:
    first = [world.ending(0, raw=b"{"), world.ending(1, Terminal.EXPIRED, "deadline")]

    assert world.ledger.end(first) == frozenset()
    assert world.ledger.end([world.ending(0, reason="not_utf8", raw=b"?"), first[1]]) == frozenset()

    assert world.ended() == {0: ("INVALID", "not_json"), 1: ("EXPIRED", "deadline")}
    assert [letter["reason"] for _, letter in world.letters()] == ["not_json"]


def test_nothing_is_nothing(world: World) -> None:
    assert world.ledger.end([]) == frozenset()
    assert world.ledger.advance({}) == frozenset()
    world.ledger.mark_published([])


def test_a_dead_letter_as_json(world: World) -> None:
    world.ledger.end([world.ending(3, detail="no JSON", raw=b"\xff{", tenant="a", job_id="j")])

    ((_, letter),) = world.letters()

    made = datetime.fromisoformat(letter.pop("created_at"))
    assert abs(made - datetime.now(UTC)) < timedelta(minutes=1)
    assert letter == {
        "v": 1,
        "topic": "textmill.jobs.sentiment",
        "partition": 0,
        "offset": 3,
        "state": "INVALID",
        "reason": "not_json",
        "detail": "no JSON",
        "tenant": "a",
        "job_id": "j",
        "raw_base64": base64.b64encode(b"\xff{").decode(),
        "size": 2,
    }


def test_dead_letters_keep_the_beginning_of_large_records(world: World) -> None:
    world.ledger.end([world.ending(0, raw=b"a" * (MAX_RAW_BYTES + 1)), world.ending(1, raw=b"")])

    (_, large), (_, empty) = world.letters()

    assert len(base64.b64decode(large["raw_base64"])) == MAX_RAW_BYTES
    assert large["size"] == MAX_RAW_BYTES + 1
    assert (empty["raw_base64"], empty["size"]) == ("", 0)


def test_the_outbox_gives_the_oldest_until_published(world: World) -> None:
    world.ledger.end([world.ending(offset, raw=b"x") for offset in (5, 3, 9)])
    first = world.ledger.dead_letters_to_publish(2)
    world.ledger.mark_published([number for number, _ in first])
    world.ledger.mark_published([number for number, _ in first])

    assert len(first) == 2
    assert [letter["offset"] for _, letter in world.letters()] == [9]


@pytest.mark.parametrize("odd", ["a\0b", "half \ud800 a pair", "x" * 5000])
def test_the_ledger_takes_whatever_a_record_says(world: World, odd: str) -> None:
    world.ledger.end([world.ending(0, reason="odd", detail=odd, tenant=odd, job_id=odd, raw=b"")])

    assert world.ended() == {0: ("INVALID", "odd")}
    assert len(world.letters()) == 1
