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
from itertools import cycle
from typing import Annotated, Any

import msgspec
import typer
from sqlalchemy import text

from benchmarks import answers, open_loop, options
from benchmarks.growth import memory
from benchmarks.open_loop import Sender, percentile
from benchmarks.processes import Watch
from benchmarks.report import finish, ratio, say
from benchmarks.rig import rig
from benchmarks.subject import jobs, new_run, register, subject
from benchmarks.systems import DRAIN_S, System, running_textmill, summary
from producers.publisher import encode

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
    run, dues = new_run("overload"), list[datetime]()
    watch = Watch({child.name: child.pid for child in system.children})
    sender = Sender(system.where.settings, system.topic)
    try:
        moments = open_loop.until(open_loop.arrivals(rate), seconds)
        sent = sender.send(_records(system, run, deadline, dues), moments)
        expired = _settled(system, run, len(sent.due))
    finally:
        watch.stop()
    visible = system.visible(run)
    overdue_ms = [(at - dues[number].timestamp()) * 1000 for number, at in visible.items()]
    late_ms = [round(ms, 1) for ms in overdue_ms if ms > 0]
    in_time = len(visible) - len(late_ms)
    took_s = max(sent.published.values()) - min(sent.published.values())
    return summary(sent.due, visible) | {
        "sent_per_s": round(len(sent.published) / max(took_s, seconds), 1),
        "expired": expired,
        "without_an_end": len(sent.due) - len(visible) - expired,
        "in_time": in_time,
        "in_time_share": ratio(in_time, len(sent.due)),
        "late": len(late_ms),
        "late_share_of_answers": ratio(len(late_ms), len(visible)),
        "late_ms": {"p50": percentile(late_ms, 0.5), "most": max(late_ms, default=None)},
        "sender_late_p99_ms": sent.late_p99_ms,
        "memory_mib": {name: memory(uses, uses[0].at) for name, uses in watch.uses.items()},
    }


def _records(
    system: System, run: str, deadline: timedelta, dues: list[datetime]
) -> Iterator[tuple[str, bytes]]:
    """Jobs that are due `deadline` after they are taken; those moments go into `dues`."""
    for job in jobs(run, cycle(system.given.texts), system.model):
        due = datetime.now(UTC) + deadline
        dues.append(due)
        yield encode(msgspec.structs.replace(job, deadline=due))


def _settled(system: System, run: str, sent: int) -> int:
    """How many have expired, once all have ended or no end is waited for any more."""
    engine, until = system.where.engine, time.monotonic() + DRAIN_S
    while True:
        with engine.connect() as connection:
            expired = int(connection.scalar(_EXPIRED, {"run": run}) or 0)
        ended = expired + answers.count(engine, system.kept, run)
        if ended >= sent or time.monotonic() > until:
            return expired
        time.sleep(0.5)


if __name__ == "__main__":
    options.start(main)
