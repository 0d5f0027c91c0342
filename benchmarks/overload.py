"""More jobs than can be answered, each with a deadline: who is answered in time, and who late.

    python -m benchmarks.overload [--rate 12000] [--seconds 10] [--deadline 1.0] [--json]

Interactive jobs come at a rate beyond what a dispatcher and a worker can do, in an open loop. What
cannot be done in time must end as EXPIRED, and not cost others their time: an answer that becomes
visible after its deadline was in vain. A row counts as visible when PostgreSQL committed its
transaction.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from sqlalchemy import text

from benchmarks import answers, open_loop, options
from benchmarks.growth import memory
from benchmarks.open_loop import Sender, latencies_ms, percentile
from benchmarks.processes import Watch
from benchmarks.report import finish, ratio, say
from benchmarks.rig import rig
from benchmarks.subject import new_run, register, subject
from benchmarks.systems import DRAIN_S, System, running_textmill
from producers.publisher import encode
from schemas.job import Job

LINGER_MS = 10
"""As many thousand a second need it (`benchmarks.open_loop`)."""
_EXPIRED = text("SELECT count(*) FROM ending WHERE bulk_id = :run AND state = 'EXPIRED'")


def main(
    texts: options.Texts = 10_000,
    rate: Annotated[float, typer.Option(min=1, help="Jobs/s.")] = 12_000.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long they come.")] = 10.0,
    deadline: Annotated[float, typer.Option(min=0.05, help="Seconds a job has.")] = 1.0,
    docs: options.Docs = None,
    model: options.Model = None,
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Measure what becomes of jobs with deadlines under overload."""
    with subject(texts, docs, model) as given, rig(commit_times=True) as where:
        named = register(where, given.version)
        with running_textmill(where, given, named) as system:
            found = _overloaded(system, rate, seconds, timedelta(seconds=deadline))
    finish({"benchmark": "overload", "rate": rate, "deadline_s": deadline} | found, as_json, out)


def _overloaded(system: System, rate: float, seconds: float, deadline: timedelta) -> dict[str, Any]:
    say(f"{rate:g}/s for {seconds:g} s")
    run = new_run("overload")
    watch = Watch({child.name: child.pid for child in system.children})
    sender = Sender(system.where.settings, system.topic, LINGER_MS)
    dues: list[datetime] = []
    try:
        moments = open_loop.until(open_loop.arrivals(rate), seconds)
        sent = sender.send(_records(system, run, deadline, dues), moments)
        expired = _settled(system, run, len(sent.due))
    finally:
        sender.close()
        watch.stop()
    visible = system.visible(run)
    overdue = [(at - dues[number].timestamp()) * 1000 for number, at in visible.items()]
    late = [ms for ms in overdue if ms > 0]
    worst, typical = max(late, default=0.0), percentile(late, 0.5) or 0.0
    latency = latencies_ms(sent.due, visible)
    return {
        "jobs": len(sent.due),
        "answered": len(visible),
        "expired": expired,
        "without_an_end": len(sent.due) - len(visible) - expired,
        "in_time_per_s": round((len(visible) - len(late)) / seconds, 1),
        "load": ratio(len(sent.due), len(visible)),
        "late": len(late),
        "late_share": round(len(late) / max(len(visible), 1), 5),
        "late_ms": {"p50": round(typical, 1), "most": round(worst, 1)},
        "p50_ms": round(percentile(latency, 0.5) or 0.0, 1),
        "sender_late_p99_ms": sent.late_p99_ms,
        "memory_mib": {name: memory(uses, uses[0].at) for name, uses in watch.uses.items()},
    }


def _records(
    system: System, run: str, deadline: timedelta, dues: list[datetime]
) -> Iterator[tuple[str, bytes]]:
    """Jobs that are due `deadline` after they are taken; those moments go into `dues`."""
    texts = system.given.texts
    number = 0
    while True:
        due = datetime.now(UTC) + deadline
        dues.append(due)
        identity = answers.job_id(run, number)
        job = Job(
            job_id=identity,
            text=texts[number % len(texts)],
            lang="en",
            model=system.model,
            deadline=due,
            bulk_id=run,
        )
        yield encode(job)
        number += 1


def _settled(system: System, run: str, jobs: int) -> int:
    """How many have expired, once all have ended or no end is waited for any more."""
    until = time.monotonic() + DRAIN_S
    while True:
        with system.where.engine.connect() as connection:
            expired = int(connection.scalar(_EXPIRED, {"run": run}) or 0)
        if expired + answers.count(system.where.engine, system.kept, run) >= jobs:
            return expired
        if time.monotonic() > until:
            return expired
        time.sleep(0.5)


if __name__ == "__main__":
    options.start(main)
