"""Results that wait for their topic: with their rows or not at all, until the log has them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from producers.embedded import SqliteWriter
from producers.sqlite_log import erase_job
from schemas.errors import UnavailableError
from schemas.prediction import Prediction
from schemas.record import Terminal
from schemas.result import Result, encode
from schemas.task import Task
from schemas.topics import results
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import BUILD, SENTIMENT, SUMMARY, TAGS, World
from workers.sql.erasure import erase
from workers.sql.lookup import find_job
from workers.sql.maintenance import old_rows, remove_old_rows
from workers.sql.result_outbox import SqlResultOutbox
from workers.sql.results import SqlResults

__all__ = ["store_url", "world"]

LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def streaming(world: World) -> World:
    """A store whose workers tell results as a stream."""
    world.results = SqlResults(world.engine, streamed=True)
    return world


def take(world: World, limit: int = 100) -> list[Result]:
    """What waits; it does so no more."""
    with SqlResultOutbox(world.engine).taken(limit) as waiting:
        return list(waiting)


def told(world: World) -> list[str]:
    """The jobs of what waited."""
    return [one.job_id for one in take(world)]


def waiting(world: World) -> int:
    ((number,),) = world.rows("SELECT count(*) FROM result_outbox")
    return int(number)


def test_nothing_waits_where_results_are_not_streamed(world: World) -> None:
    world.record(world.answer(0), world.answer(1))

    assert waiting(world) == 0
    assert take(world) == []


def test_a_message_says_what_its_row_says(streaming: World) -> None:
    given = {"metadata": {"k": [1, "北京"]}, "bulk_id": "june", "tenant": "shop"}
    streaming.record(streaming.answer(0, "a", **given), streaming.answer(1, "b", run=3))
    streaming.record(
        streaming.answer(2, "a", said=TAGS, task=Task.TAGGING, lang="zh"),
        streaming.answer(3, "a", said=SUMMARY, task=Task.SUMMARIZATION),
    )

    found = take(streaming)

    assert [(one.tenant, one.job_id, one.task, one.run) for one in found] == [
        ("default", "b", Task.SENTIMENT, 3),
        ("shop", "a", Task.SENTIMENT, 0),
        ("default", "a", Task.SUMMARIZATION, 0),
        ("default", "a", Task.TAGGING, 0),
    ]
    assert [one.prediction for one in found] == [SENTIMENT, SENTIMENT, SUMMARY, TAGS]
    rows = [row for job in ("a", "b") for row in find_job(streaming.engine, job)[0]]
    for one in found:
        (row,) = (r for r in rows if (r.tenant, r.task, r.run) == (one.tenant, one.task, one.run))
        said = {name: getattr(row, name) for name in row.__struct_fields__}
        assert one == Result(**said)
        assert msgspec.json.decode(encode(one), type=Result) == one
    assert (found[1].metadata, found[1].bulk_id, found[0].build) == (*given_of(given), BUILD)


def given_of(given: dict[str, object]) -> tuple[object, object]:
    return given["metadata"], given["bulk_id"]


def test_only_new_rows_wait_and_only_once(streaming: World) -> None:
    streaming.record(streaming.answer(0, "a"), streaming.answer(1, "b"))
    streaming.record(streaming.answer(0, "a"), streaming.answer(1, "b"))  # sent again
    streaming.record(streaming.answer(2, "a"), streaming.answer(3, "c"))  # published again
    streaming.record(streaming.answer(4, "a", text="Another"))

    assert streaming.ended()[2] == (Terminal.DUPLICATE, "duplicate")
    assert told(streaming) == ["a", "b", "c"]
    assert told(streaming) == []


def test_what_is_fenced_or_refused_does_not_wait(streaming: World) -> None:
    bad = Prediction(tokens=1, label="l", score=1.5)
    streaming.record(*(streaming.answer(n, said=bad if n == 3 else SENTIMENT) for n in range(9)))
    streaming.ledger.claim(streaming.p, "next")
    streaming.record(streaming.answer(9))

    assert told(streaming) == [f"job-{n}" for n in range(9) if n != 3]


def test_bunches_go_in_order(streaming: World) -> None:
    for n in range(10):
        streaming.record(streaming.answer(n))

    assert [[one.job_id for one in take(streaming, 4)] for _ in range(4)] == [
        ["job-0", "job-1", "job-2", "job-3"],
        ["job-4", "job-5", "job-6", "job-7"],
        ["job-8", "job-9"],
        [],
    ]


def test_what_was_not_published_waits_again(streaming: World) -> None:
    streaming.record(*(streaming.answer(n) for n in range(3)))

    def refused() -> None:
        with SqlResultOutbox(streaming.engine).taken(2) as found:
            assert len(found) == 2
            raise UnavailableError("the log is away")

    with pytest.raises(UnavailableError):
        refused()

    assert told(streaming) == ["job-0", "job-1", "job-2"]


def test_what_comes_meanwhile_waits(streaming: World) -> None:
    """Also where the outbox was emptied, so that numbers might begin anew."""
    outbox = SqlResultOutbox(streaming.engine)
    streaming.record(streaming.answer(0), streaming.answer(1))
    with outbox.taken(10) as found:
        streaming.record(streaming.answer(2))
        assert len(found) == 2
    assert told(streaming) == ["job-2"]

    streaming.record(streaming.answer(3))
    with outbox.taken(10):
        if streaming.engine.dialect.name == "sqlite":  # elsewhere nobody else gets it
            assert told(streaming) == ["job-3"]
        streaming.record(streaming.answer(4))
    assert told(streaming) == ["job-4"]


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_who_takes_at_once_gets_others(streaming: World) -> None:
    streaming.record(*(streaming.answer(n) for n in range(60)))
    outbox = SqlResultOutbox(streaming.engine)

    with outbox.taken(20) as first, outbox.taken(20) as second:
        others = [told(streaming) for _ in range(2)]
        jobs = [*(one.job_id for one in (*first, *second)), *others[0]]

    assert sorted(jobs) == sorted(f"job-{n}" for n in range(60))
    assert others[1] == []
    assert waiting(streaming) == 0


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("away", [False, True], ids=["published", "log away"])
def test_a_connection_cut_meanwhile_loses_nothing(streaming: World, away: bool) -> None:
    """As the server does where publishing takes too long; what is said is why it did."""
    streaming.record(*(streaming.answer(n) for n in range(3)))

    def cut_off() -> None:
        with SqlResultOutbox(streaming.engine).taken(2):
            streaming.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE state = 'idle in transaction' AND datname = current_database()"
            )
            if away:
                raise UnavailableError("the log is away")

    with pytest.raises(UnavailableError, match="log is away" if away else "database"):
        cut_off()
    assert told(streaming) == ["job-0", "job-1", "job-2"]


def test_many_takers_beside_many_writers(streaming: World) -> None:
    def write(part: int) -> None:
        for n in range(part * 100, part * 100 + 100, 5):
            streaming.record(*(streaming.answer(m) for m in range(n, n + 5)))

    found: list[str] = []
    with ThreadPoolExecutor(3) as pool:
        written = [pool.submit(write, part) for part in range(3)]
        while not all(one.done() for one in written) or waiting(streaming):
            found += (one.job_id for one in take(streaming, 7))
        for one in written:
            one.result()

    assert sorted(found) == sorted(f"job-{n}" for n in range(300))


def test_what_was_erased_is_told_no_more(streaming: World) -> None:
    streaming.record(streaming.answer(0, "j"), streaming.answer(1, "k"))
    streaming.record(streaming.answer(2, "j", tenant="other"))

    erase(streaming.engine, "default", "j")

    assert waiting(streaming) == 2
    assert [(one.tenant, one.job_id) for one in take(streaming)] == [
        ("default", "k"),
        ("other", "j"),
    ]


def test_what_leaves_by_age_is_told_no_more(streaming: World) -> None:
    streaming.record(*(streaming.answer(n) for n in range(4)))
    streaming.ledger.advance({streaming.p: (streaming.epoch, 3)})

    assert old_rows(streaming.engine, LATER)["result_outbox"] == 3
    removed = remove_old_rows(streaming.engine, LATER)

    assert (removed["result_outbox"], removed["result"]) == (3, 3)
    assert told(streaming) == ["job-3"]


def test_the_embedded_log_forgets_what_was_told(streaming: World, tmp_path_factory: object) -> None:
    path = tmp_path_factory.mktemp("log") / "log.sqlite3"  # type: ignore[attr-defined]
    streaming.record(streaming.answer(0, "j"), streaming.answer(1, "k"))
    writer = SqliteWriter(path)
    records = [(one.job_id, encode(one)) for one in take(streaming)]
    writer.append(results(Task.SENTIMENT), records)
    writer.close()

    assert erase_job(path, "default", "j") == 1
