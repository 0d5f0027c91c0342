"""What the Results port promises, on both databases."""

from math import inf, nan
from typing import Any

import pytest
from sqlalchemy import text

from schemas import wire
from schemas.prediction import Prediction
from schemas.record import Terminal
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import SENTIMENT, SUMMARY, TAGS, World, offsets, partition
from workers.sql.errors import StoreError

__all__ = ["store_url", "world"]


def test_answers_become_rows(world: World) -> None:
    recorded = world.record(
        world.answer(0, metadata={"order": 7}, bulk_id="b1", tenant="acme"),
        world.answer(1, lang="zh"),
    )

    assert offsets(recorded.settled) == [0, 1]
    assert recorded.fenced == ()
    (row,) = world.rows("SELECT * FROM sentiment WHERE tenant = 'acme'")
    assert row[:5] == ("job-0", "acme", "en", "positive", 0.75)
    assert world.rows("SELECT model, version, bulk_id, run FROM sentiment ORDER BY job_id") == [
        ("mood", 1, "b1", 0),
        ("mood", 1, None, 0),
    ]
    assert world.rows("SELECT DISTINCT compute_ms, batch_id FROM result") == [(250.0, "batch-1")]


def test_summaries_and_spans_have_their_views(world: World) -> None:
    world.record(world.answer(0, said=SUMMARY, task=Task.SUMMARIZATION))
    world.record(world.answer(1, said=TAGS, task=Task.TAGGING))

    assert world.rows("SELECT job_id, summary, score FROM summarization") == [
        ("job-0", "Short.", 0.5)
    ]
    assert world.rows(
        "SELECT span_start, span_end, span_label, span_text FROM tag_span ORDER BY span_start"
    ) == [(0, 4, "ORG", "Acme"), (8, 14, "LOC", "北京 \U0001f600")]


def test_repeating_changes_nothing(world: World) -> None:
    work = [world.answer(offset) for offset in range(5)]
    endings = [world.ending(9, raw=b"{")]
    first = world.record(*work, endings=endings)
    before = world.everything()

    again = world.record(*work, endings=endings, attempt=2)

    assert sorted(again.settled) == sorted(first.settled)
    assert world.everything() == before


def test_the_same_job_twice_in_one_batch(world: World) -> None:
    recorded = world.record(
        world.answer(4, "twin"), world.answer(3, "twin"), world.answer(5, "other")
    )

    assert offsets(recorded.settled) == [3, 4, 5]
    assert world.answered() == {3: "twin", 5: "other"}
    assert world.ended() == {4: ("DUPLICATE", "duplicate")}
    assert world.letters() == []


def test_the_same_job_in_a_later_batch(world: World) -> None:
    world.record(world.answer(0, "again"))

    recorded = world.record(world.answer(1, "again"), world.answer(2))

    assert offsets(recorded.settled) == [1, 2]
    assert world.answered() == {0: "again", 2: "job-2"}
    assert world.ended() == {1: ("DUPLICATE", "duplicate")}


def test_another_payload_is_a_conflict_and_a_dead_letter(world: World) -> None:
    world.record(world.answer(0, "order"))
    other = world.answer(1, "order", text="Another text")

    assert offsets(world.record(other).settled) == [1]

    assert world.answered() == {0: "order"}
    assert world.ended() == {1: ("CONFLICT", "conflict")}
    ((_, letter),) = world.letters()
    assert letter["state"] == "CONFLICT"
    assert letter["job_id"] == "order"
    assert letter["size"] == len(wire.encode(other.item.job))


@pytest.mark.parametrize("apart", [{"tenant": "b"}, {"run": 1}])
def test_tenants_and_runs_are_different_jobs(world: World, apart: dict[str, Any]) -> None:
    world.record(world.answer(0, "same"), world.answer(1, "same", **apart))

    assert world.answered() == {0: "same", 1: "same"}
    assert world.ended() == {}


def test_tasks_are_different_jobs(world: World) -> None:
    world.record(world.answer(0, "same"))
    world.record(world.answer(1, "same", task=Task.CLASSIFICATION))

    assert world.answered() == {0: "same", 1: "same"}


def test_one_batch_may_answer_several_tasks(world: World) -> None:
    asked = (Task.SENTIMENT, SENTIMENT), (Task.TAGGING, TAGS)
    batch = [world.answer(n, "same", said=said, task=task) for n, (task, said) in enumerate(asked)]
    world.record(*batch)
    world.record(world.answer(2, "same", said=TAGS, task=Task.TAGGING))

    assert world.rows("SELECT job_id, label FROM sentiment") == [("same", "positive")]
    assert world.rows("SELECT job_id FROM tagging") == [("same",)]
    assert world.ended() == {2: ("DUPLICATE", "duplicate")}


def test_a_stale_claim_changes_no_row(world: World) -> None:
    stale = world.answer(0)
    ending = world.ending(1)
    world.ledger.claim(world.p, "second")
    before = world.everything()

    recorded = world.record(stale, endings=[ending])

    assert recorded.settled == ()
    assert offsets(recorded.fenced) == [0, 1]
    assert world.everything() == before


def test_only_the_fenced_partition_of_a_batch_is_dropped(world: World) -> None:
    other = partition(1)
    epoch = world.ledger.claim(other, "first").epoch
    mixed = [world.answer(0), world.answer(0, "elsewhere", partition=other, epoch=epoch)]
    world.ledger.claim(world.p, "second")

    recorded = world.record(*mixed)

    assert recorded.settled == ((other, 0),)
    assert recorded.fenced == ((world.p, 0),)


def test_an_unclaimed_partition_is_fenced(world: World) -> None:
    recorded = world.record(world.answer(0, partition=partition(7)))

    assert recorded.settled == ()
    assert recorded.fenced == ((partition(7), 0),)


def test_a_record_that_ended_gets_no_result(world: World) -> None:
    world.ledger.end([world.ending(0, Terminal.EXPIRED, "deadline")])

    recorded = world.record(world.answer(0), world.answer(1))

    assert offsets(recorded.settled) == [0, 1]
    assert world.answered() == {1: "job-1"}
    assert world.ended() == {0: ("EXPIRED", "deadline")}


def test_a_record_with_a_result_gets_no_ending(world: World) -> None:
    world.record(world.answer(0), endings=[world.ending(0, raw=b"x")])
    world.ledger.end([world.ending(0, raw=b"x")])

    assert world.answered() == {0: "job-0"}
    assert world.ended() == {}
    assert world.letters() == []


@pytest.mark.parametrize(
    "bad",
    [
        {"job_id": "x" * 201},
        {"job_id": "half \ud800 a pair"},
        {"said": Prediction(tokens=1, label="l", score=1.5)},
        {"metadata": {"k": "\ud800"}},
    ],
    ids=["too long", "surrogate", "check", "metadata"],
)
def test_a_row_the_database_refuses_is_set_aside(world: World, bad: dict[str, Any]) -> None:
    recorded = world.record(
        *(world.answer(offset) for offset in range(11)),
        world.answer(11, **bad),
        *(world.answer(offset) for offset in range(12, 20)),
    )

    assert offsets(recorded.settled) == list(range(20))
    assert sorted(world.answered()) == [n for n in range(20) if n != 11]
    assert world.ended() == {11: ("QUARANTINED", "unstorable")}
    assert [letter["offset"] for _, letter in world.letters()] == [11]


@pytest.mark.parametrize(
    "said",
    [
        Prediction(tokens=1, label="l", score=nan),
        Prediction(tokens=1, label="l", score=0.5, scores={"l": inf}),
        Prediction(tokens=1, label="a\0b", score=0.5),
        Prediction(tokens=1, summary="a\0b"),
    ],
    ids=["nan", "infinite", "NUL in label", "NUL in summary"],
)
def test_what_databases_would_change_in_silence_is_set_aside(
    world: World, said: Prediction
) -> None:
    world.record(world.answer(0), world.answer(1, said=said))

    assert world.answered() == {0: "job-0"}
    assert world.ended() == {1: ("QUARANTINED", "unstorable")}


def test_all_rows_may_be_refused(world: World) -> None:
    world.record(*(world.answer(n, said=Prediction(tokens=1, score=2.0)) for n in range(3)))

    assert world.answered() == {}
    assert set(world.ended()) == {0, 1, 2}


def test_an_unregistered_version_is_a_bug_not_data(world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM model_version"))

    with pytest.raises(StoreError, match="not registered"):
        world.record(world.answer(0))

    assert world.ended() == {}


@pytest.mark.parametrize("claimed", [-1.0, nan, 4e14], ids=["none", "nan", "year 12 million"])
def test_a_record_of_a_wrong_clock_is_dated_now(world: World, claimed: float) -> None:
    world.record(world.answer(0, published_at=claimed))

    assert world.rows("SELECT latency_ms FROM result") == [(0,)]


def test_nothing_is_nothing(world: World) -> None:
    recorded = world.record()

    assert (recorded.settled, recorded.fenced) == ((), ())


def test_texts_and_answers_stay_out_of_error_messages(world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("ALTER TABLE result RENAME COLUMN label TO labels"))

    with pytest.raises(StoreError) as caught:
        world.record(world.answer(0, text="canary-text", said=SENTIMENT, metadata={"a": "canary"}))

    assert "canary" not in repr(caught.value)
    assert caught.value.__suppress_context__
