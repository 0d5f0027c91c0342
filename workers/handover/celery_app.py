"""The Celery application: how one batch travels as one task.

Only one task name and one content type exist. Pickle and YAML are refused by construction, and
Celery's own built-in tasks are taken out, so that a message can name nothing but `run_batch`. The
argument is the batch's bytes (`schemas.batch.encode`); Celery never looks inside, and no
representation of it is put into a header, because batches hold people's texts.

Messages are acknowledged by being read. Every worker has one queue of its own; a queue into which
nothing was put for `queue_ttl_s` disappears by Redis's clock, so clocks that differ between
machines can drop no batch (as Celery's `expires` would), and no text stays behind.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from celery import Celery
from kombu import Exchange, Queue, serialization

TASK = "textmill.run_batch"
SERIALIZER = "textmill"
CONTENT_TYPE = "application/x-textmill-msgpack"
QUEUE_TTL_S = 120.0
"""Longer than a staged batch waits for the running one."""

REDIS_OPTIONS = {
    "socket_connect_timeout": 1.0,
    "socket_timeout": 2.0,  # a dead Redis is noticed within this
    "socket_keepalive": True,
    "health_check_interval": 2,  # a half-open connection of a waiting worker is dropped after this
    "retry_on_timeout": False,
    "priority_steps": [0],  # one list for each queue instead of four
    "ack_emulation": False,  # no table of unacknowledged messages: a lost batch is sent again
    "max_retries": 0,
}

serialization.register(
    SERIALIZER, msgspec.msgpack.encode, msgspec.msgpack.decode, CONTENT_TYPE, "binary"
)


def build_app(broker_url: str, handler: Callable[[bytes], None] | None = None) -> Celery:
    """The application at one broker (`redis://…`, or `memory_transport.URL`).

    Args:
        broker_url: where the queues are.
        handler: what a worker does with a batch's bytes; None for a sender.
    """
    app = Celery("textmill", broker=broker_url, set_as_current=False, autofinalize=False)
    app.conf.update(_configuration(broker_url))
    app.finalize()
    for name in list(app.tasks):
        app.tasks.unregister(name)
    if handler is not None:
        _register(app, handler)
    return app


def queue_named(name: str, ttl_s: float = QUEUE_TTL_S) -> Queue:
    """The queue of one worker, on the nameless exchange, so that no binding is kept anywhere."""
    return Queue(
        name, Exchange(""), routing_key=name, no_ack=True, durable=False, expires=max(1.0, ttl_s)
    )


def send(app: Celery, producer: Any, queue: Queue, message: bytes) -> None:
    """Put a batch's bytes into a queue; raises what Celery and the broker's client raise."""
    app.send_task(
        TASK,
        (message,),
        producer=producer,
        queue=queue,
        serializer=SERIALIZER,
        ignore_result=True,
        add_to_parent=False,
        retry=False,
        argsrepr="",
        kwargsrepr="",
    )


def _register(app: Celery, handler: Callable[[bytes], None]) -> None:
    def run_batch(message: bytes) -> None:
        handler(message)

    app.task(run_batch, name=TASK, shared=False, ignore_result=True)


def _configuration(broker_url: str) -> dict[str, Any]:
    redis = broker_url.startswith(("redis", "unix", "socket"))
    return {
        "accept_content": [CONTENT_TYPE],
        "task_serializer": SERIALIZER,
        "event_serializer": SERIALIZER,
        "result_serializer": SERIALIZER,
        "result_accept_content": [CONTENT_TYPE],
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_acks_late": False,
        "task_default_queue": "",  # so the nameless exchange is the default, and no binding is kept
        "task_send_sent_event": False,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_prefetch_multiplier": 1,
        "worker_detect_quorum_queues": False,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_disable_rate_limits": True,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 1.0,
        "broker_transport_options": REDIS_OPTIONS if redis else {},
    }
