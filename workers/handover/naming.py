"""Names and times of the hand-over. Every key in Redis has a time to live.

    textmill.worker.<worker>        list    batches for this worker       QUEUE_TTL_S after the last
    textmill:worker:<worker>        string  WorkerState                   five heartbeats
    textmill:workers                set     who may have such a key       an hour after the last one
    textmill:done:<dispatcher>      list    completions                   DONE_TTL_S after the last
    textmill:wanted:<model>         string  jobs wait for it              WANTED_TTL_S

The first is Celery's; a batch lies in it with its texts, so it must not outlive its worker by long.
"""

from typing import Final

NEWS: Final = "textmill:news"
"""Channel on which it is told that a route or a deployment has changed."""
QUEUE_PREFIX: Final = "textmill.worker."
WORKERS: Final = "textmill:workers"
WORKERS_TTL_S: Final = 3600
DONE_TTL_S: Final = 600
WANTED_TTL_S: Final = 3
"""How long it is known that jobs wait for a model that is still loaded."""
BEATS: Final = 5
"""Heartbeats that may be missed before a worker is taken for dead."""
CONNECT_S: Final = 1.0
ANSWER_S: Final = 2.0
"""How long Redis may take to accept a connection and to answer before it counts as dead."""


def queue_of(worker_id: str) -> str:
    """Celery queue of one worker."""
    return QUEUE_PREFIX + worker_id


def state_key(worker_id: str) -> str:
    """Where a worker's heartbeat lies."""
    return f"textmill:worker:{worker_id}"


def done_key(dispatcher_id: str) -> str:
    """Where a dispatcher's completions lie."""
    return f"textmill:done:{dispatcher_id}"


def wanted_key(model: str) -> str:
    """What is there while jobs wait for a model that workers still load."""
    return f"textmill:wanted:{model}"
