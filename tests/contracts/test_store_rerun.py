"""What a version answered is answered again by another one: report, applied, and nothing doubled.

The embedded log is real, and records are admitted as the dispatcher does it; the test says what the
versions answer.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from producers.bulk.request import Request, file_at
from producers.publisher import Publisher
from schemas.batch import Batch, BatchItem
from schemas.errors import UnavailableError, UsageError
from schemas.prediction import Prediction
from schemas.record import Ending, Terminal
from schemas.settings import DatabaseSettings, Settings
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import World, manifest
from workers.assembly import Store
from workers.bulks import desk
from workers.bulks.changes import Report, apply, report_of
from workers.bulks.errors import errors_of
from workers.bulks.export import Export
from workers.bulks.rerun import hand_in, publish_failed, request_of
from workers.bulks.status import status_of
from workers.core.admission import Waits, admit
from workers.core.endings import cancelled
from workers.core.routing import Routing
from workers.log.sqlite import SqliteLog
from workers.ports import Answer
from workers.sql.erasure import erase
from workers.sql.lookup import Wanted, count_answers, find_job
from workers.sql.rerun import SqlReruns

__all__ = ["store_url", "world"]

WAITS = Waits(interactive=0.0, bulk=0.0)


class Mill:
    """A store, an embedded log, and all of dispatcher and worker that a row needs."""

    def __init__(self, world: World, store_url: str, directory: Path) -> None:
        self.world, self.directory = world, directory
        self.settings = Settings(
            data_dir=str(directory / "data"), database=DatabaseSettings(url=store_url)
        )
        self.store = Store(self.settings)
        self.one = world.version
        self.two = world.registry.register(manifest(), "b" * 64, Path("/m/2"))
        world.registry.route(Task.SENTIMENT, "en", self.one)
        self.log = SqliteLog(self.settings.log_path)
        self._epochs: dict[Any, int] = {}

    def close(self) -> None:
        self.log.close()
        self.store.engine.dispose()

    def publish(self, *texts: str, **fields: Any) -> None:
        with Publisher(self.settings) as publisher:
            for text in texts:
                publisher.publish(text, ["sentiment"], job_id=f"job {text}", lang="en", **fields)

    def drain(self, end: Terminal | None = None) -> list[str]:
        """Answer all that is in the log: the first version says that a text is positive, the second
        what it says itself. The words of the texts, or only an ending for each."""
        routing = Routing(self.store.registry.versions(), self.store.rollouts.table())
        seen = []
        while True:
            polled = self.log.poll(0.01)
            for partition in polled.gained:
                claim = self.store.ledger.claim(partition, "d")
                self._epochs[partition] = claim.epoch
                self.log.seek(partition, claim.next_offset or 0)
            self.log.resume(list(polled.gained))
            for record in polled.records:
                epoch = self._epochs[record.partition]
                found = admit(record, epoch, routing, WAITS, 0.0, record.published_at)
                assert not isinstance(found, Ending), found
                seen.append(found.item.job.text)
                if end is None:
                    self._answer(found.item, found.version.version_id)
                else:
                    self.store.ledger.end(
                        [msgspec.structs.replace(cancelled(found.item), state=end)]
                    )
            if not polled.records and not polled.gained:
                return seen

    def _answer(self, item: BatchItem, version_id: int) -> None:
        label = "positive" if version_id == self.one.version_id else item.job.text.split()[0]
        said = Prediction(tokens=3, label=label, score=0.5, scores={label: 0.5})
        batch = Batch(
            batch_id="b", attempt=1, reply_to="d", version_id=version_id, digest="", items=(item,)
        )
        self.store.results.record(batch, [Answer(item, said)], [], 0.1)

    def request(self, *where: str) -> Request:
        return request_of(self.store, self.one, self.two, None, where)

    def rerun(self, *where: str, name: str = "again") -> int:
        """Hand it in; how many texts were published."""
        both = self.one, self.two
        request = self.request(*where)
        return hand_in(self.settings, self.store, request, both, name)[1].documents

    def report(self, name: str = "again") -> Report:
        return report_of(self.store, self.store.bulks.find(name), 0, 10)

    def apply(self, name: str = "again") -> int:
        return apply(self.store, self.store.bulks.find(name))

    def standing(self) -> dict[str, tuple[str, int]]:
        sql = "SELECT job_id, label, version FROM sentiment ORDER BY job_id"
        return {job: (label, version) for job, label, version in self.world.rows(sql)}

    def bulk_of(self, lines: list[str]) -> None:
        """A bulk job `june` with a text a line, answered by the first version."""
        file = self.directory / "in.jsonl"
        said = (json.dumps({"text": line, "lang": "en"}) for line in lines)
        file.write_text("".join(f"{one}\n" for one in said), encoding="utf-8")
        request = Request(files=(file_at(file),), tasks=(Task.SENTIMENT,), lang="en")
        desk.hand_in(self.settings, request, "june")
        self.drain()


@pytest.fixture
def mill(world: World, store_url: str, tmp_path: Path) -> Iterator[Mill]:
    """An empty mill."""
    made = Mill(world, store_url, tmp_path)
    yield made
    made.close()


def test_answered_again_reported_and_applied(mill: Mill) -> None:
    mill.publish("positive a", "negative b", "neutral c")
    mill.drain()
    before = mill.standing()

    assert mill.rerun() == 3
    assert mill.report().state == "running"
    with pytest.raises(UsageError, match="3 answers are outstanding"):
        mill.apply()
    assert sorted(mill.drain()) == ["negative b", "neutral c", "positive a"]
    assert mill.standing() == before, "nothing of it is seen yet"
    report = mill.report()
    assert (report.state, report.run, report.done, report.applied) == ("done", 1, 3, 0)
    changes = report.changes
    assert (changes.pairs, changes.same, changes.changed) == (3, 1, 2)
    cells = {(one.old, one.new): one.count for one in changes.confusion}
    assert cells == {("positive", label): 1 for label in ("positive", "negative", "neutral")}
    assert {one.job_id for one in changes.examples} == {"job negative b", "job neutral c"}

    assert [mill.apply(), mill.apply()] == [3, 0]
    assert mill.standing() == {
        "job negative b": ("negative", 2),
        "job neutral c": ("neutral", 2),
        "job positive a": ("positive", 2),
    }
    after = mill.report()
    assert (after.applied, after.state, after.changes) == (3, "done", changes)
    assert count_answers(mill.store.engine, Wanted()) == 3
    answers, _ = find_job(mill.store.engine, "job negative b")
    assert [(one.run, one.version) for one in answers] == [(0, 2), (1, 1)]


def test_a_job_that_comes_late_or_twice_finds_its_answer(mill: Mill) -> None:
    """Before and after: of either run there is one row, and every record one end."""
    mill.publish("negative b")
    mill.drain()
    mill.rerun()
    again = request_copies(mill)
    mill.drain()
    mill.apply()
    mill.publish("negative b")  # as a producer may that was not told
    again()  # as a submitter does that died before it noted the window
    mill.drain()

    runs = mill.world.rows("SELECT run, label FROM result ORDER BY run")
    assert runs == [(0, "negative"), (1, "positive")]
    states = sorted(state for (state,) in mill.world.rows("SELECT state FROM ending"))
    assert states == ["DUPLICATE", "DUPLICATE"]
    assert mill.report().done == 1


def request_copies(mill: Mill) -> Any:
    """What publishes the records of the bulk topic that are there now once more."""
    with sqlite3.connect(mill.settings.log_path) as log:
        rows = log.execute(
            "SELECT key, value FROM record WHERE json_extract(CAST(value AS TEXT), '$.run') > 0"
        ).fetchall()
    log.close()

    def publish() -> None:
        with Publisher(mill.settings) as publisher:
            publisher.publish_records(rows, "sentiment", bulk=True)

    return publish


def test_only_what_is_asked_for(mill: Mill) -> None:
    mill.publish("negative b", metadata={"stars": 1})
    mill.publish("negative d", tenant="shop", metadata={"stars": 5})
    mill.publish("neutral c")
    mill.drain()

    assert mill.rerun("metadata.stars>2", name="starred") == 1
    assert mill.rerun("tenant=shop", "score<0.6", name="shop") == 1
    assert mill.rerun("label=negative", name="none") == 0
    assert mill.report("starred").left_out == 2
    assert mill.report("none").state == "done"
    assert [mill.report(name).run for name in ("starred", "shop", "none")] == [1, 2, 3]
    with pytest.raises(UsageError, match="no `stars`"):
        mill.request("stars>2")
    with pytest.raises(UsageError, match="asks something else"):
        mill.rerun(name="shop")
    task = Task.CLASSIFICATION
    other = mill.world.registry.register(manifest("topics", task), "c" * 64, Path("/m/3"))
    with pytest.raises(UsageError, match="share no task"):
        request_of(mill.store, mill.one, other, None, [])
    with pytest.raises(UsageError, match="answered that already"):
        request_of(mill.store, mill.one, mill.one, None, [])


def test_a_submitter_that_dies_is_followed_by_one_that_goes_on(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies where it hurts most: the second window is in the log and not yet noted."""
    monkeypatch.setattr("workers.sql.rerun.WINDOW", 2)
    mill.publish(*(f"negative {n}" for n in range(5)))
    mill.drain()

    class Dying(SqlReruns):
        def keep(self, of: Any, chunk: Any, place: Any) -> Any:
            if chunk.number == 1:
                raise UnavailableError("the database went away")
            return super().keep(of, chunk, place)

    alive = mill.store.reruns
    mill.store.reruns = Dying(mill.store.engine)
    with pytest.raises(UnavailableError):
        mill.rerun()
    mill.store.reruns = alive
    assert mill.report().state == "submitting"
    mill.rerun()
    assert mill.rerun() == 0, "it is submitted already"
    mill.drain()

    report = mill.report()
    assert (report.rows, report.documents, report.done, report.queued) == (5, 5, 5, 0)
    assert mill.world.rows("SELECT count(*) FROM result WHERE run = 1") == [(5,)]
    assert mill.world.rows("SELECT DISTINCT state FROM ending") == [("DUPLICATE",)]
    assert [mill.apply(), mill.apply()] == [5, 0]


def test_applying_goes_on_where_it_broke_off(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.sql.rerun.WINDOW", 2)
    mill.publish(*(f"negative {n}" for n in range(5)))
    mill.drain()
    mill.rerun()
    mill.drain()
    original = SqlReruns.answers

    def breaking(self: SqlReruns, *given: Any) -> Iterator[Any]:
        for place, rows in original(self, *given):
            yield place, rows
            if rows:
                raise UnavailableError("the database went away")

    with monkeypatch.context() as patch:
        patch.setattr(SqlReruns, "answers", breaking)
        with pytest.raises(UnavailableError):
            mill.apply()
    half = mill.report().applied
    assert 0 < half < 5
    assert mill.apply() == 5 - half
    assert mill.report().applied == 5
    assert {label for label, _ in mill.standing().values()} == {"negative"}


def test_rows_of_a_bulk_job_keep_their_place_in_it(mill: Mill) -> None:
    """They are read from the file where the log has forgotten them."""
    mill.bulk_of(["negative one", "positive two", "negative one"])
    mill.publish("neutral gone")
    mill.drain()
    forget(mill)
    assert mill.rerun() == 2
    mill.drain()
    report = mill.report()
    assert (report.rows, report.gone, report.documents) == (3, 1, 2)
    (error,) = errors_of(mill.store, mill.store.bulks.find("again"))
    assert error["reason"] == "text_gone"
    assert "job neutral gone" in error["detail"]
    mill.apply()

    with pytest.raises(UsageError, match="no re-run"):
        mill.apply("june")
    job = Export(mill.store, mill.store.bulks.find("june"), flat=True)
    assert job_labels(job) == ["negative", "positive", "negative"]
    june = mill.store.bulks.find("june").bulk_id
    assert count_answers(mill.store.engine, Wanted(bulk_id=june)) == 2
    assert desk_status(mill, "june") == ("done", 2)


def job_labels(job: Export) -> list[Any]:
    return [row["sentiment_label"] for block in job.blocks() for row in block.rows()]


def desk_status(mill: Mill, name: str) -> tuple[str, int]:
    now = status_of(mill.store, mill.store.bulks.find(name), 1)
    return now.state, now.done


def forget(mill: Mill) -> None:
    """As a topic does whose retention has passed."""
    with sqlite3.connect(mill.settings.log_path) as log:
        log.execute("UPDATE record SET value = NULL")
    log.close()


def test_cancelled_and_failed_ones(mill: Mill) -> None:
    mill.publish("negative b", "neutral c")
    mill.drain()
    mill.rerun()
    mill.drain(end=Terminal.QUARANTINED)
    assert mill.report().failed == 2
    assert publish_failed(mill.settings, mill.store, mill.store.bulks.find("again")) == 2
    mill.drain(end=Terminal.CANCELLED)
    report = mill.report()
    assert (report.state, report.cancelled, report.changes.pairs) == ("done", 2, 0)
    assert publish_failed(mill.settings, mill.store, mill.store.bulks.find("again")) == 0
    rows = errors_of(mill.store, mill.store.bulks.find("again"))
    assert sorted(one["detail"] for one in rows) == [
        f"{one}: its bulk job was cancelled" for one in ("job negative b", "job neutral c")
    ]
    mill.store.bulks.wish(mill.store.bulks.find("again").bulk_id, state="cancelled")
    with pytest.raises(UsageError, match="cancelled"):
        mill.apply()


def test_an_erased_job_is_erased_in_every_run(mill: Mill) -> None:
    mill.publish("negative b", "neutral c")
    mill.drain()
    mill.rerun()
    mill.drain()
    assert erase(mill.store.engine, "default", "job negative b").answers == 2
    assert mill.report().changes.pairs == 1
    assert mill.apply() == 1
