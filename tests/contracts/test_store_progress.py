"""Documents of a bulk job that are at the workers, apart from those that wait."""

from datetime import timedelta

import pytest

from producers.bulk.chunk import row_of
from schemas.record import Terminal
from schemas.task import Task
from tests.contracts.bulk_bench import Bench, bench, lines, store_url, world
from workers.bulks import status
from workers.sql import bulk_flights
from workers.sql.bulk_flights import SqlBulkFlights

__all__ = ["bench", "store_url", "world"]


def states(bench: Bench) -> dict[str, int]:
    """The job's documents by state, where there are some."""
    now = bench.status()
    names = ("queued", "running", "done", "failed", "cancelled")
    found = {name: getattr(now, name) for name in names}
    assert sum(found.values()) == now.documents * len(now.tasks)
    assert now.outstanding == now.queued + now.running
    return {name: number for name, number in found.items() if number}


def test_what_is_at_workers_is_running(bench: Bench) -> None:
    bench.write(*lines(6))
    bench.submit()
    flights, job = bench.store.flights, bench.store.bulks.find("june").bulk_id
    jobs = bench.records()
    assert states(bench) == {"queued": 6}

    flights.tell("d1", {(job, "sentiment"): 3, ("other", "sentiment"): 9})
    flights.tell("d2", {(job, "sentiment"): 1})
    assert states(bench) == {"queued": 2, "running": 4}

    bench.answer(jobs[:2])
    bench.end(jobs[2], Terminal.QUARANTINED, "kills_worker")
    assert states(bench) == {"running": 3, "done": 2, "failed": 1}, "not yet told anew"
    assert bench.status().state == "running"

    flights.tell("d1", {(job, "sentiment"): 1})
    assert states(bench) == {"queued": 1, "running": 2, "done": 2, "failed": 1}

    bench.answer(jobs[3:])
    assert states(bench) == {"done": 5, "failed": 1}
    assert (bench.status().state, bench.status().eta_s) == ("done", 0.0)

    flights.tell("d1", {})
    flights.tell("d2", {})
    assert bench.world.rows("SELECT * FROM bulk_flight") == []


def test_each_task_has_its_own(bench: Bench) -> None:
    bench.write(*lines(4))
    bench.submit(tasks=(Task.SENTIMENT, Task.TAGGING))
    job = bench.store.bulks.find("june").bulk_id

    bench.store.flights.tell("d1", {(job, "tagging"): 3, (job, "sentiment"): 1})

    assert states(bench) == {"queued": 4, "running": 4}
    nothing = {"done": 0, "failed": 0, "cancelled": 0}
    assert bench.status().tasks == {
        "sentiment": {"queued": 3, "running": 1, **nothing},
        "tagging": {"queued": 1, "running": 3, **nothing},
    }


def test_who_says_nothing_more_counts_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(*lines(4))
    bench.submit()
    job = bench.store.bulks.find("june").bulk_id
    bench.store.flights.tell("died", {(job, "sentiment"): 3})
    monkeypatch.setattr(bulk_flights, "FRESH", timedelta(0))

    assert states(bench) == {"queued": 4}
    SqlBulkFlights(bench.world.engine).tell("lives", {(job, "sentiment"): 1})
    assert bench.world.rows("SELECT dispatcher_id FROM bulk_flight") == [("lives",)]


def test_while_it_is_submitted_the_rows_to_come_count(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of six documents are in the log, and answered; the file says that four are to come."""
    bench.write(*lines(6))
    bench.submit_and_die(monkeypatch)
    bench.answer([job for job in bench.records() if row_of(job["job_id"]) <= 2])
    monkeypatch.setattr(status, "going_on", lambda came, window_s: (2, 10.0))  # seconds

    now = bench.status()
    assert (now.state, now.done, now.queued) == ("submitting", 2, 0)
    assert now.eta_s == 20.0
    bench.file.unlink()
    assert bench.status().eta_s is None
