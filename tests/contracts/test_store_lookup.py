"""Finding results again, on both databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from schemas.errors import UsageError
from schemas.prediction import Prediction, Span
from schemas.record import Terminal
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import BUILD, SENTIMENT, SUMMARY, TAGS, World, manifest
from workers.sql.lookup import (
    FoundAnswer,
    Wanted,
    count_answers,
    find_job,
    list_answers,
)
from workers.sql.place import Place, place_of

__all__ = ["store_url", "world"]

SENTIMENTS = Wanted(task=Task.SENTIMENT)


def test_each_row_of_a_batch_names_what_answered_it(world: World) -> None:
    builds = ("cheap", "strong", "cheap")
    answers = [replace(world.answer(at, f"j{at}"), build=build) for at, build in enumerate(builds)]
    world.record(*answers)
    found = [find_job(world.engine, f"j{at}", "default")[0][0].build for at in range(3)]
    assert found == list(builds)


def test_a_job_with_all_its_answers(world: World) -> None:
    world.record(world.answer(0, "j", metadata={"a": [1, "二"]}, bulk_id="b"))
    world.record(world.answer(1, "j", said=SUMMARY, task=Task.SUMMARIZATION))
    world.record(world.answer(2, "j", said=TAGS, task=Task.TAGGING))

    answers, endings = find_job(world.engine, "j", "default")

    assert endings == []
    assert [answer.task for answer in answers] == ["sentiment", "summarization", "tagging"]
    assert [answer.prediction for answer in answers] == [SENTIMENT, SUMMARY, TAGS]
    first = answers[0]
    assert (first.model, first.version, first.lang, first.bulk_id) == ("mood", 1, "en", "b")
    assert first.build == BUILD
    assert first.metadata == {"a": [1, "二"]}
    assert first.created_at.tzinfo is UTC
    assert abs(first.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_job_that_ended_without_an_answer(world: World) -> None:
    world.ledger.end(
        [world.ending(4, Terminal.EXPIRED, "deadline", detail="late", tenant="t", job_id="j")]
    )

    answers, (ending,) = find_job(world.engine, "j")

    assert answers == []
    assert (ending.state, ending.reason, ending.detail) == (Terminal.EXPIRED, "deadline", "late")
    assert (ending.topic, ending.partition, ending.offset) == (world.p.topic, 0, 4)
    assert (ending.tenant, ending.task) == ("t", Task.SENTIMENT)


def test_tenants_are_kept_apart(world: World) -> None:
    world.record(world.answer(0, "j", tenant="a"), world.answer(1, "j", tenant="b"))

    assert [a.tenant for a in find_job(world.engine, "j", "b")[0]] == ["b"]
    assert [a.tenant for a in find_job(world.engine, "j")[0]] == ["a", "b"]
    assert find_job(world.engine, "j", "c") == ([], [])


def test_words_of_sql_are_only_words(world: World) -> None:
    evil = "' OR 1=1; DROP TABLE result; --"
    world.record(world.answer(0, evil), world.answer(1))

    assert [a.job_id for a in find_job(world.engine, evil)[0]] == [evil]
    assert list_answers(world.engine, Wanted(task=Task.SENTIMENT, label=evil), 10) == []


def test_pages_are_stable_while_rows_arrive(world: World) -> None:
    for batch in range(4):
        world.record(*(world.answer(5 * batch + n) for n in range(5)))
    seen: list[FoundAnswer] = []
    place: Place | None = None
    while page := list_answers(world.engine, SENTIMENTS, 3, place):
        seen += page
        place = page[-1].place
        world.record(world.answer(100 + len(seen)))

    assert len(seen) == 20
    assert {answer.job_id for answer in seen} == {f"job-{n}" for n in range(20)}
    assert [a.created_at for a in seen] == sorted((a.created_at for a in seen), reverse=True)


def test_lists_are_restricted(world: World) -> None:
    second = world.registry.register(manifest(), "b" * 64, Path("/m/2"))
    world.record(world.answer(0, tenant="a", lang="zh"), world.answer(1, bulk_id="b"))
    middle = datetime.now(UTC)
    world.record(world.answer(2, said=type(SENTIMENT)(tokens=1, label="negative")), version=second)
    world.record(world.answer(3, task=Task.CLASSIFICATION))

    def jobs(**restriction: object) -> set[str]:
        wanted = Wanted(task=Task.SENTIMENT, **restriction)  # type: ignore[arg-type]
        return {answer.job_id for answer in list_answers(world.engine, wanted, 10)}

    assert jobs() == {"job-0", "job-1", "job-2"}
    assert jobs(tenant="a") == jobs(lang="zh") == {"job-0"}
    assert jobs(bulk_id="b") == {"job-1"}
    assert jobs(label="negative") == jobs(version=2, model="mood") == {"job-2"}
    assert jobs(since=middle) == {"job-2"}
    assert jobs(model="none") == set()


def test_lists_are_restricted_by_score_time_and_name(world: World) -> None:
    world.record(world.answer(0), world.answer(1, said=Prediction(tokens=1, score=0.25)))
    world.record(world.answer(2, said=TAGS, task=Task.TAGGING))
    other = Prediction(tokens=1, spans=(Span(start=0, end=6, label="ORG", text="Acme's"),))
    world.record(world.answer(3, said=other, task=Task.TAGGING))
    world.record(world.answer(4, said=Prediction(tokens=1, spans=()), task=Task.TAGGING))

    def jobs(task: Task, **restriction: object) -> set[str]:
        wanted = Wanted(task=task, **restriction)  # type: ignore[arg-type]
        found = {answer.job_id for answer in list_answers(world.engine, wanted, 10)}
        assert count_answers(world.engine, wanted) == len(found)
        return found

    assert jobs(Task.SENTIMENT, least_score=0.5) == {"job-0"}
    assert jobs(Task.SENTIMENT, most_score=0.5) == {"job-1"}
    assert jobs(Task.SENTIMENT, until=datetime(2020, 1, 1, tzinfo=UTC)) == set()
    assert jobs(Task.TAGGING, entity="Acme") == {"job-2"}
    assert jobs(Task.TAGGING, entity="北京 \U0001f600") == {"job-2"}
    assert jobs(Task.TAGGING, entity="ORG") == jobs(Task.TAGGING, entity="'") == set()
    assert count_answers(world.engine, Wanted()) == 5


def test_a_place_is_one_word() -> None:
    place = Place(datetime(2025, 6, 30, 1, 2, 3, 456789, tzinfo=UTC), "店", "job-1", 0)

    assert place_of(str(place)) == place
    for word in ("", "nowhere", str(place)[:-3], "店"):
        with pytest.raises(UsageError, match="no place in a list"):
            place_of(word)
