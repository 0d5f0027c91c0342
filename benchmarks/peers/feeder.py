"""What the two Celery peers share: the app, a worker beside a feeder, and the worker's model.

The feeder consumes the topic and sends a task for each text. It keeps at most `AHEAD` tasks waiting
in Redis, so that a slow worker is not measured with a flooded broker.
"""

import importlib
import subprocess
import sys
import time
from functools import lru_cache
from typing import Any, NamedTuple

from celery import Celery

from benchmarks.peers import given as g

AHEAD = 2000


class State(NamedTuple):
    """What a worker keeps between tasks."""

    given: g.Given
    model: Any
    connection: Any


def make_app(kind: str) -> Celery:
    """An app on the settings' Redis, with a queue of its own."""
    app = Celery("bench", broker=g.settings().redis.url)
    app.conf.task_default_queue = f"bench-{kind}"
    app.conf.worker_prefetch_multiplier = 0 if kind == "batches" else 4
    app.conf.broker_connection_retry_on_startup = True
    return app


@lru_cache(maxsize=1)
def state() -> State:
    """Load the model and connect, once in a process."""
    import psycopg

    from benchmarks.peers.model import load

    given = g.Given.handed_down()
    return State(given, load(given.version), psycopg.connect(g.postgres()))


def feed(module: str, task: str) -> None:
    """Start the worker, then send a task a text until ended."""
    given = g.Given.read()
    given.hand_down()
    options = ["--pool", "solo", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    worker = subprocess.Popen([sys.executable, "-m", "celery", "-A", module, "worker", *options])
    own = importlib.import_module(module)
    send, app = getattr(own, task).delay, own.app
    consumer = g.consumer(given, 500)
    with app.connection_for_write() as connection:
        while worker.poll() is None:
            waiting = connection.default_channel.client.llen(app.conf.task_default_queue)
            if waiting > AHEAD:
                time.sleep(0.05)
                continue
            for job in g.take(consumer, 500):
                send(job.job_id, job.text)
            consumer.commit_async()
    sys.exit(f"the Celery worker ended with {worker.returncode}")
