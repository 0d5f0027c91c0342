"""Whether a version can be replaced under load: nothing lost, nothing doubled, no one kept waiting.

    python -m benchmarks.hot_update [--updates 20] [--small] [--json] [--out DIR]

Two workers and a dispatcher on real services answer a steady open-loop stream, 60 % of the highest
rate that they keep answering in time unless `--rate` says otherwise. A version is replaced by the
next again and again, then rolled back, then replaced once more while a worker that loads it is
killed. All versions are registered beforehand. Each row must name the version that was live when
its batch was formed, give or take the seconds in which a dispatcher looks at the routes. Latency is
from the moment a job was due to its committed row, and beside it from the moment it was published,
as a full machine makes the sender late too. `during` are the jobs that were due while a version was
replaced or rolled back, `between` those in the pauses, `killed` those due from the killing to the
end. The stream is a tenant of its own, whose route alone is changed.
"""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Annotated

import msgspec
import typer

from benchmarks import open_loop, options, outcome_of_updates
from benchmarks.answers import Kept
from benchmarks.open_loop import Sender, Sent
from benchmarks.outcome_of_updates import Story
from benchmarks.part import await_rows
from benchmarks.processes import Child, Watch, running, textmill
from benchmarks.report import finish, say
from benchmarks.rig import Rig, rig
from benchmarks.subject import Subject, jobs, new_run, register, subject
from benchmarks.systems import System, drained
from benchmarks.updates import Updates, variants
from producers.publisher import encode
from schemas import topics
from schemas.errors import TextmillError
from schemas.job import Job

SHARE = 0.6
"""Of the highest rate that is answered in time."""
RATES = tuple(round(200 * 1.25**step) for step in range(20))
HELD_S = 10.0
"""How long a rate is tried. The later half counts: where a queue grows, it shows there."""
IN_TIME_MS = 1000
"""At the 99th percentile; above it a queue grows."""
WARM_JOBS = 3000
GROUP = "bench"
WORKERS = 2
_LIMIT_S = 120.0
_LONGEST_S = 3600.0


def main(
    updates: Annotated[int, typer.Option(min=1, help="Versions one after another.")] = 20,
    rate: Annotated[float, typer.Option(min=0, help="Jobs/s; 0: 60 % of the capacity.")] = 0.0,
    steady: Annotated[float, typer.Option(min=1, help="Seconds without updates, first.")] = 30.0,
    pause: Annotated[float, typer.Option(min=0, help="Seconds between two updates.")] = 5.0,
    small: Annotated[bool, typer.Option("--small", help="Tries it in two minutes.")] = False,
    docs: options.Docs = None,
    model: options.Model = None,
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Replace versions under load."""
    if small:
        updates, rate, steady, pause = min(updates, 2), rate or 60.0, 5.0, 1.0
    with subject(2000, docs, model) as given, rig(commit_times=True) as where:
        run = new_run("update")
        say(f"making {updates + 2} versions")
        made = variants(given.version, given.directory, updates + 2)
        names = [register(where, path) for path in made]
        with Updates(where, given.task, run) as changing:
            changing.activate(names[0])  # at once: nobody is there yet
            with _running(where, given, names[0]) as (system, watch):
                _warm_up(system, run)
                rate = rate or round(SHARE * _capacity(system, run), 1)
                story = _story(system, changing, names, run, rate, (steady, pause))
            story.uses = watch.uses
            found = outcome_of_updates.result(where, story, changing)
    if out is not None:
        outcome_of_updates.draw(out, story)
    finish(found, as_json, out)


@contextmanager
def _running(where: Rig, given: Subject, version: str) -> Iterator[tuple[System, Watch]]:
    """Workers for this model alone, and a dispatcher; what they use is noted."""
    where.environ["TEXTMILL_WORKER__GROUPS"] = f"{GROUP}={version.partition('@')[0]}"
    where.environ["TEXTMILL_WORKER__THREADS"] = "1"
    work = textmill("work", "--device", "cpu", "--group", GROUP)
    commands = {f"worker {number}": work for number in range(WORKERS)}
    commands["dispatcher"] = textmill("dispatch")
    with running(commands, where.environ, given.directory) as children:
        roots = {child.name: child.pid for child in children} | where.servers
        watch = Watch(roots, own="sender and operator")
        topic = topics.interactive(given.task)
        try:
            yield System(where, given, None, topic, Kept.RESULT, children), watch
        finally:
            watch.stop()


def _warm_up(system: System, tenant: str) -> None:
    run = new_run("warm")
    _send(system, tenant, run, itertools.repeat(0.0, WARM_JOBS))
    await_rows(system.where, system.children, Kept.RESULT, run, WARM_JOBS, _LIMIT_S)


def _capacity(system: System, tenant: str) -> float:
    """The highest of ascending rates that is answered in time. The speed at which a backlog is
    worked off is no measure: batches are full then, and the sender is at rest."""
    say("measuring the capacity")
    held = list(takewhile(lambda rate: _is_held(system, tenant, rate), RATES))
    if not held:
        raise TextmillError("Not even the lowest rate is answered in time here; give --rate.")
    return held[-1]


def _is_held(system: System, tenant: str, rate: float) -> bool:
    """Whether jobs at this rate have their rows in time."""
    run = new_run("held")
    sent = _send(system, tenant, run, open_loop.until(open_loop.arrivals(rate), HELD_S))
    half = min(sent.due.values()) + HELD_S / 2
    later = {number: at for number, at in sent.due.items() if at >= half}
    found = open_loop.latencies_ms(later, drained(system, run, sent.due))
    p99 = open_loop.percentile(found, 0.99) or 0.0
    say(f"{rate:,.0f}/s: p99 {p99:.0f} ms")
    return p99 <= IN_TIME_MS


def _send(system: System, tenant: str, run: str, moments: Iterator[float]) -> Sent:
    """Jobs at these moments, to the tenant's route."""
    due, texts = list(moments), system.given.texts
    given = [texts[number % len(texts)] for number in range(len(due))]
    records = (encode(_of(tenant, job)) for job in jobs(run, given, None))
    return Sender(system.where.settings, system.topic).send(records, iter(due))


def _story(
    system: System,
    changing: Updates,
    names: list[str],
    run: str,
    rate: float,
    seconds: tuple[float, float],
) -> Story:
    """The stream, and the updates under it."""
    steady, pause = seconds
    story = Story(rate=rate)
    with _stream(system, run, rate) as sent:
        time.sleep(open_loop.WARM_S + 2.0)
        story.steady_from = time.time()
        time.sleep(steady)
        story.updates_from = time.time()
        for name in names[1:-1]:
            changing.activate(name)
            time.sleep(pause)
        changing.rollback(names[-2])
        time.sleep(pause)
        story.killing_from = time.time()
        _, story.killed = changing.activate_and_kill(names[-1])
        time.sleep(max(pause, 2.0))
        _check(system.children)
    story.due, story.published = sent[0].due, sent[0].published
    story.visible = drained(system, run, story.due)
    story.run = run
    return story


@contextmanager
def _stream(system: System, run: str, rate: float) -> Iterator[list[Sent]]:
    """Jobs at a rate, beside; what was sent stands in the list afterwards."""
    stop, sent = threading.Event(), []
    texts = system.given.texts

    def records() -> Iterator[tuple[str, bytes]]:
        number = 0
        while True:
            (job,) = jobs(run, [texts[number % len(texts)]], None)
            yield encode(_of(run, msgspec.structs.replace(job, job_id=f"{run}-{number}")))
            number += 1

    def send() -> None:
        moments = open_loop.until(open_loop.arrivals(rate), _LONGEST_S)
        sent.append(Sender(system.where.settings, system.topic).send(records(), moments, stop))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        stop.set()
        thread.join()


def _of(tenant: str, job: Job) -> Job:
    return msgspec.structs.replace(job, tenant=tenant)


def _check(children: list[Child]) -> None:
    for child in children:
        child.check()


if __name__ == "__main__":
    options.start(main)
