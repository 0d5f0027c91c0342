"""What Celery's own tools see of a worker: answers to remote control, and heartbeat events.

    celery --broker redis://… inspect ping        and stats, active, active_queues, registered …
    celery --broker redis://… flower

A thread and a connection of its own, since the worker's reads nothing while a batch runs. All of it
is JSON. Only questions are answered: nothing here can stop a worker, change it or make it run
anything, and no batch is shown but by its id, because batches hold people's texts. The dispatchers
do not depend on it, so a failure is no more than a line in the log.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Final

from celery import Celery
from celery.events import EventDispatcher  # here: two threads that import it may deadlock
from kombu.exceptions import KombuError
from kombu.pidbox import Mailbox

from schemas.batch import WorkerState
from workers.handover.celery_app import REDIS_OPTIONS, TASK

_log = logging.getLogger(__name__)
EXCHANGE: Final = "celery"
"""Where Celery's tools publish their commands, unless they are told another."""
EVENT_S: Final = 2.0
"""Pause between two heartbeat events; Celery's own."""
_LOOK_S: Final = 0.5
"""How often it looks whether it should end."""
_AGAIN_S: Final = 2.0
"""Pause before a broker that went away is tried again."""


class RemoteControl:
    """One worker's mailbox and its events."""

    def __init__(
        self, broker_url: str, name: str, state: Callable[[], WorkerState], done: Callable[[], int]
    ) -> None:
        """
        Args:
            broker_url: of the Redis whose queues the worker reads.
            name: what Celery's tools call the worker; the same after a restart of its process,
                since Redis keeps a trace of every name.
            state: what the worker announces.
            done: batches it has reported so far.
        """
        self.name = name
        self._app = _app(broker_url)
        self._state = state
        self._done = done
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="textmill-control", daemon=True)

    def start(self) -> None:
        """Be seen from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Say good-bye and be seen no more."""
        self._stopping.set()
        self._thread.join(2 * _LOOK_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._app.connection_for_read() as connection:
                    self._serve(connection)
            except (KombuError, OSError) as error:
                _log.info("No remote control: %s; trying again.", type(error).__name__)
            except Exception as error:  # the edge of the thread: each client raises its own
                _log.info("Remote control fails with %s; trying again.", type(error).__name__)
            self._stopping.wait(_AGAIN_S)

    def _serve(self, connection: Any) -> None:
        mailbox = Mailbox(EXCHANGE, "fanout", connection, accept=["json"], serializer="json")
        node = mailbox.Node(self.name, channel=connection.channel(), handlers=self._handlers())
        node.listen(callback=lambda body, message: _answer(node, body))
        events = EventDispatcher(connection, hostname=self.name, app=self._app)
        events.send("worker-online", **self._event())
        told_at = time.monotonic()
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=_LOOK_S)
            if time.monotonic() - told_at >= EVENT_S:
                told_at = time.monotonic()
                events.send("worker-heartbeat", **self._event())
        events.send("worker-offline", **self._event())

    def _event(self) -> dict[str, Any]:
        state = self._state()
        return {
            "freq": EVENT_S,
            "active": int(state.running is not None),
            "processed": self._done(),
            "loadavg": [round(load, 2) for load in os.getloadavg()],
            "sw_ident": "textmill",
            "sw_ver": version("textmill"),
            "sw_sys": os.uname().sysname,
        }

    def _handlers(self) -> Mapping[str, Callable[..., Any]]:
        """What may be asked, by name. Arguments are taken and left aside: the tools send some."""
        return {
            "ping": lambda state, **_: {"ok": "pong"},
            "stats": lambda state, **_: self._stats(),
            "active": lambda state, **_: self._active(),
            "active_queues": lambda state, **_: [{"name": self._state().queue}],
            "registered": lambda state, **_: [TASK],
            "reserved": lambda state, **_: [],
            "scheduled": lambda state, **_: [],
            "revoked": lambda state, **_: [],
            "conf": lambda state, **_: {},
        }

    def _stats(self) -> dict[str, Any]:
        state = self._state()
        return {
            "pid": state.pid,
            "uptime": round(time.monotonic() - self._began),
            "total": {TASK: self._done()},
            "pool": {"implementation": "solo", "max-concurrency": 1, "processes": [state.pid]},
            "prefetch_count": 1,
            "broker": {"transport": "redis"},
            "device": state.device,
            "versions": list(state.versions),
            "serves": {"only": list(state.serves.only), "not": list(state.serves.others)},
        }

    def _active(self) -> list[dict[str, Any]]:
        running = self._state().running
        return [{"id": running, "name": TASK, "args": [], "kwargs": {}}] if running else []


def name_of(device: str) -> str:
    """A worker's name for Celery's tools: its own as long as its supervisor lives."""
    return f"{device}-{os.getppid()}@{socket.gethostname()}"


def _answer(node: Any, body: object) -> None:
    if not isinstance(body, dict) or body.get("method") not in node.handlers:
        _log.debug("Left a control command aside that is none here.")
        return
    try:
        node.handle_message(body)
    except TypeError:  # fields that are missing or none of kombu's
        _log.debug("Left a control command aside that has another form.")


def _app(broker_url: str) -> Celery:
    app = Celery("textmill-control", broker=broker_url, set_as_current=False, autofinalize=False)
    app.conf.update(
        event_serializer="json",
        broker_connection_timeout=1.0,
        broker_transport_options=REDIS_OPTIONS,
    )
    return app
