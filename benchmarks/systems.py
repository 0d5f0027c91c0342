"""Two systems kept running and asked at a given rate: Textmill and the window-sorting loop."""

import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from benchmarks import answers, open_loop, peers
from benchmarks.answers import Kept
from benchmarks.open_loop import Sender, Sent, latencies_ms, percentile
from benchmarks.part import await_rows
from benchmarks.peers import PEERS
from benchmarks.processes import Child, running, textmill
from benchmarks.report import say
from benchmarks.rig import Rig, own_topic
from benchmarks.stages import stages
from benchmarks.subject import Subject, jobs, new_run
from producers.publisher import encode
from schemas import topics

DRAIN_S = 60.0
"""How long after the last job answers are waited for."""
_WARM_TEXTS = 500


class System(msgspec.Struct):
    """One that runs and is warm."""

    where: Rig
    given: Subject
    model: str | None
    """What its jobs name."""
    topic: str
    kept: Kept
    children: list[Child]
    fixed_run: str | None = None
    """The run of all its rows, where it cannot tell them apart."""

    def records(self, run: str, count: int) -> list[tuple[str, bytes]]:
        """Jobs of a run, over and over the same texts."""
        texts = self.given.texts
        repeated = [texts[number % len(texts)] for number in range(count)]
        return [encode(job) for job in jobs(run, repeated, self.model)]

    def visible(self, run: str) -> dict[int, float]:
        """When each row of the run was committed, by number."""
        engine, kept = self.where.engine, self.kept
        return answers.committed(engine, kept, self.fixed_run or run, prefix=f"{run}-")


@contextmanager
def running_textmill(where: Rig, given: Subject, model: str) -> Iterator[System]:
    """A dispatcher and a worker, warm."""
    commands = {
        "worker": textmill("work", "--device", "cpu"),
        "dispatcher": textmill("dispatch"),
    }
    with running(commands, where.environ, given.directory) as children:
        topic = topics.interactive(given.task)
        yield _warm(System(where, given, model, topic, Kept.RESULT, children))


@contextmanager
def running_loop(where: Rig, given: Subject) -> Iterator[System]:
    """The window-sorting loop on a topic of its own, warm."""
    peer = next(peer for peer in PEERS if peer.name == "sorting_loop")
    run = new_run(peer.name)
    with own_topic(where.settings) as topic:
        command = peers.command(peer, sys.executable, given.version, topic, run)
        with running({peer.name: command}, where.environ, given.directory) as children:
            yield _warm(System(where, given, None, topic, Kept.BENCH_ANSWER, children, run))


def _warm(system: System) -> System:
    say(f"warming up {', '.join(child.name for child in system.children)}")
    run = new_run("warm")
    send(system, run, open_loop.until(open_loop.arrivals(200.0), _WARM_TEXTS / 200))
    kept, watched = system.kept, system.fixed_run or run
    await_rows(system.where, system.children, kept, watched, _WARM_TEXTS // 2, DRAIN_S)
    time.sleep(2.0)
    return system


def send(
    system: System,
    run: str,
    moments: Iterator[float],
    most: int = _WARM_TEXTS,
    stop: threading.Event | None = None,
) -> Sent:
    """Send a run's jobs when they are due, `most` at most."""
    sender = Sender(system.where.settings, system.topic)
    return sender.send(system.records(run, most), moments, stop)


def at_rate(system: System, rate: float, seconds: float) -> dict[str, Any]:
    """Latency from the moment a job is due to its committed row, at `rate` a second."""
    run = new_run("rate")
    moments = open_loop.until(open_loop.arrivals(rate), seconds + open_loop.WARM_S)
    most = int(rate * (seconds + open_loop.WARM_S) * 1.2) + 100
    sent = send(system, run, moments, most)
    visible = drained(system, run, sent.due)
    found = summary(sent.counted, visible) | {"sender_late_p99_ms": sent.late_p99_ms}
    return found | by_stage(system, run, sent.counted)


def by_stage(system: System, run: str, due: Mapping[int, float]) -> dict[str, Any]:
    """Where the time went, of a system whose rows tell it."""
    if system.kept is not Kept.RESULT:
        return {}
    return {"stages": stages(system.where.engine, run, due)}


def drained(system: System, run: str, due: Mapping[int, float]) -> dict[int, float]:
    """Rows of the run, once all are there or none is waited for any more."""
    deadline = time.monotonic() + DRAIN_S
    visible = system.visible(run)
    while len(visible) < len(due) and time.monotonic() < deadline:
        time.sleep(0.5)
        visible = system.visible(run)
    return visible


def summary(due: Mapping[int, float], visible: Mapping[int, float]) -> dict[str, Any]:
    """Median and 99th percentile in milliseconds, and what has no row."""
    found: Sequence[float] = latencies_ms(due, visible)
    p50, p99 = (percentile(found, share) for share in (0.5, 0.99))
    return {
        "p50_ms": None if p50 is None else round(p50, 1),
        "p99_ms": None if p99 is None else round(p99, 1),
        "jobs": len(due),
        "unanswered": len(due) - len(found),
    }
