"""Which adapters a process gets, by its settings: the only place where ports meet adapters.

    kafka.bootstrap_servers   set: Kafka           empty: the SQLite log in data_dir
    database.url              set: that database   empty: SQLite in data_dir
    redis.url                 set: Celery workers  empty: one worker inside `textmill serve`

Imports of frameworks stand inside the functions, so that a process loads only what it uses.
"""

import os
import socket
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from schemas.settings import Settings
from workers.core.batcher import Batcher
from workers.core.costs import Costs
from workers.core.flights import Flights
from workers.core.formed import Limits
from workers.core.scheduler import Scheduler
from workers.guardian import Guardian
from workers.ports import HandOver, JobLog, LogWriter, ResultOutbox
from workers.steward import Steward

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from workers.dispatcher import Dispatcher
    from workers.log.past_kafka import KafkaPast
    from workers.log.past_sqlite import SqlitePast

MISSED_HEARTBEATS = 2
"""Heartbeats that a worker may miss, beyond their own lifetime, before its work is sent again."""


class Store:
    """The SQL adapters on one engine, whose schema is known to be current."""

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            UnavailableError: the database does not answer.
            UsageError: its schema is not this program's; an embedded database is upgraded.
        """
        from workers.sql.arms import SqlArms
        from workers.sql.bulk_flights import SqlBulkFlights
        from workers.sql.bulk_texts import SqlBulkTexts
        from workers.sql.bulks import SqlBulks
        from workers.sql.engine import open_engine
        from workers.sql.ledger import SqlLedger
        from workers.sql.profiles import SqlProfiles
        from workers.sql.registry import SqlRegistry
        from workers.sql.rerun import SqlReruns
        from workers.sql.result_outbox import SqlResultOutbox
        from workers.sql.results import SqlResults
        from workers.sql.rollouts import SqlRollouts
        from workers.sql.upgrade import require_current, upgrade

        if not settings.database.url:
            upgrade(settings.database_url)
        self.engine = open_engine(settings.database_url)
        try:
            require_current(self.engine)
        except BaseException:
            self.engine.dispose()
            raise
        self.ledger = SqlLedger(self.engine)
        stream = settings.results.stream
        self.results = SqlResults(self.engine, streamed=stream)
        self.outbox: ResultOutbox | None = SqlResultOutbox(self.engine) if stream else None
        """None: results are not told as a stream."""
        self.registry = SqlRegistry(self.engine)
        self.profiles = SqlProfiles(self.engine)
        self.rollouts = SqlRollouts(self.engine)
        self.bulks = SqlBulks(self.engine)
        self.texts = SqlBulkTexts(self.engine)
        self.flights = SqlBulkFlights(self.engine)
        self.reruns = SqlReruns(self.engine)
        self.arms = SqlArms(self.engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.engine.dispose()


def open_log(settings: Settings) -> JobLog:
    """The log to consume."""
    if settings.kafka.bootstrap_servers:
        from workers.log.kafka import KafkaLog

        return KafkaLog(settings.kafka)
    from workers.log.sqlite import SqliteLog

    return SqliteLog(settings.log_path)


def open_past(settings: Settings) -> "KafkaPast | SqlitePast":
    """The log, to read records again that were read before; beside whoever serves."""
    if settings.kafka.bootstrap_servers:
        from workers.log.past_kafka import KafkaPast

        return KafkaPast(settings.kafka)
    from workers.log.past_sqlite import SqlitePast

    return SqlitePast(settings.log_path)


def open_writer(settings: Settings) -> LogWriter:
    """The log to write dead letters and results to."""
    if settings.kafka.bootstrap_servers:
        from producers.kafka import KafkaWriter

        return KafkaWriter(settings.kafka)
    from producers.embedded import SqliteWriter

    return SqliteWriter(settings.log_path)


def make_dispatcher(
    settings: Settings,
    store: Store,
    hand_over: HandOver,
    registry: "CollectorRegistry",
    ready: Callable[[], None] = lambda: None,
) -> "Dispatcher":
    """A dispatcher over these adapters.

    Args:
        settings: of everything.
        store: where claims and endings are kept, and which versions there are.
        hand_over: the way to the workers.
        registry: where its figures appear.
        ready: told when the log, opened last, is open.
    """
    from workers.dispatcher import Dispatcher
    from workers.metrics.dispatcher import DispatcherMetrics
    from workers.metrics.drift import DriftMetrics

    dispatch, heartbeat_s = settings.dispatch, settings.worker.heartbeat_s
    limits = Limits(
        max_batch=dispatch.max_batch,
        token_budget=dispatch.token_budget,
        max_batch_s=dispatch.max_batch_s,
        mixed_batch_s=min(dispatch.mixed_batch_s, dispatch.max_batch_s),
        by_cost=dispatch.policy == "cost",
    )
    batcher, costs = Batcher(limits), Costs(dispatch.token_budget)
    flights = Flights(lease_s=dispatch.lease_s, patience_s=MISSED_HEARTBEATS * heartbeat_s)
    scheduler = Scheduler(batcher=batcher, flights=flights, costs=costs)
    metrics = DispatcherMetrics(registry, scheduler)
    DriftMetrics(registry, store.arms.drift)
    dispatcher = Dispatcher(
        dispatcher_id=hand_over.dispatcher_id,
        settings=dispatch,
        heartbeat_s=heartbeat_s,
        scheduler=scheduler,
        open_log=lambda: _told(open_log(settings), ready),
        open_writer=lambda: open_writer(settings),
        hand_over=hand_over,
        ledger=metrics.ledger(store.ledger),
        registry=store.registry,
        routes=store.rollouts,
        profiles=store.profiles,
        steer=Steward(store.rollouts).step,
        judge=Guardian(store.rollouts, store.arms, settings.rollout).step,
        orders=store.bulks,
        progress=store.flights,
        results=store.outbox,
    )
    metrics.behind = lambda: dispatcher.behind
    return dispatcher


def _told(log: JobLog, ready: Callable[[], None]) -> JobLog:
    ready()
    return log


def process_name(role: str) -> str:
    """A name for one process: readable, unique in the cluster."""
    return f"{role}-{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
