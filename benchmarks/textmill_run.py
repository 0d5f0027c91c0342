"""Textmill itself, as its users run it: real commands in processes of their own, watched by SQL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import Engine, func, select

from benchmarks.texts import mix
from models import artifact
from producers import Publisher
from schemas.job import Job
from schemas.settings import Settings
from schemas.tables import result
from schemas.task import Task
from workers.assembly import Store
from workers.sql.engine import open_engine

START_S = 120.0
RUN_S = 300.0


class Measured(msgspec.Struct, frozen=True):
    """One run."""

    rate: float
    """Texts per second, from the first batch's commit to the last one's."""
    processes: dict[str, tuple[int, float]]
    """Peak memory in MiB and seconds of CPU of each process."""


def prepare(settings: Settings, version: Path, count: int) -> None:
    """Let `version` answer English sentiment, and put the mix on the log."""
    with Store(settings) as store:
        manifest = artifact.verify(version)
        registered = store.registry.register(manifest, artifact.digest(manifest), version)
        store.registry.route(Task.SENTIMENT, "en", registered)
    jobs = (Job(job_id=f"bench-{n}", text=text, lang="en") for n, text in enumerate(mix(count)))
    with Publisher(settings) as publisher:
        publisher.publish_jobs(jobs, Task.SENTIMENT)


def measure(
    settings: Settings,
    environ: Mapping[str, str],
    commands: Sequence[tuple[str, ...]],
    count: int,
    directory: Path,
) -> Measured:
    """Run these commands until `count` results are there."""
    engine = open_engine(settings.database_url)
    try:
        with _running(environ, commands, directory) as processes:
            _await(engine, count, processes, directory)
            return Measured(_rate(engine), _used(processes))
    finally:
        engine.dispose()


@contextmanager
def _running(
    environ: Mapping[str, str], commands: Sequence[tuple[str, ...]], directory: Path
) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes = []
    for number, command in enumerate(commands):
        with (directory / f"{number}.log").open("wb") as log:
            arguments = [sys.executable, "-c", "from workers.cli import main; main()", *command]
            processes.append(
                subprocess.Popen(arguments, env={**os.environ, **environ}, stdout=log, stderr=log)
            )
    try:
        yield processes
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(60)


def _await(
    engine: Engine, count: int, processes: Sequence[subprocess.Popen[bytes]], directory: Path
) -> None:
    deadline = time.monotonic() + START_S + RUN_S
    while _results(engine) < count:
        if time.monotonic() > deadline or any(p.poll() is not None for p in processes):
            logs = "\n".join(path.read_text()[-2000:] for path in sorted(directory.glob("*.log")))
            raise SystemExit(f"Textmill did not finish:\n{logs}")
        time.sleep(0.5)


def _results(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(result)) or 0


def _rate(engine: Engine) -> float:
    """The first batch's texts are not counted, since the time begins with its commit."""
    per_batch = (
        select(func.min(result.c.created_at).label("at"), func.count().label("texts"))
        .group_by(result.c.batch_id)
        .order_by("at")
    )
    with engine.connect() as connection:
        batches = connection.execute(per_batch).all()
    seconds: float = (batches[-1].at - batches[0].at).total_seconds()
    texts: int = sum(batch.texts for batch in batches[1:])
    return texts / seconds


def _used(processes: Sequence[subprocess.Popen[bytes]]) -> dict[str, tuple[int, float]]:
    found = {}
    for process in processes:
        for pid in [process.pid, *_children(process.pid)]:
            status = Path(f"/proc/{pid}/status").read_text()
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            seconds = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
            found[_name(pid)] = (int(peak.split()[1]) // 1024, seconds)
    return found


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return f"{' '.join(words[3:] if words[1] == '-c' else words[2:3]).strip()} ({pid})"


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]
