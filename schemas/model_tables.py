"""The tables of models: which versions there are, who answers what, and who has what in memory.

A *route* is named by task, language and tenant. It leads to the live version, and beside it to a
canary, which answers `canary_weight` of its jobs, and a shadow, which computes `shadow_sample` of
them without being heard. `deployment` is what an operator wants of a route and is not there yet.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from schemas.columns import (
    Document,
    Serial,
    UtcDateTime,
    metadata,
    partial_index,
    version_column,
)

model = Table(
    "model",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("task", String(20), nullable=False),
)

model_version = Table(
    "model_version",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("model", ForeignKey("model.name"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("state", String(20), nullable=False),
    Column("manifest", Document, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    version_column("parent_id", nullable=True),
    UniqueConstraint("model", "version"),
)


def _route_key(*, key: bool = False) -> list[Column[Any]]:
    return [
        Column("task", String(20), primary_key=key, nullable=False),
        Column("lang", String(2), primary_key=key, nullable=False),
        Column(
            "tenant",
            String(100),
            primary_key=key,
            nullable=False,
            server_default=text("''"),
            comment="empty: everybody who has no route of their own",
        ),
    ]


def _share(name: str) -> Column[Any]:
    return Column(name, Float(53), nullable=False, server_default=text("0"))


route = Table(
    "route",
    metadata,
    *_route_key(key=True),
    version_column("model_version_id"),
    version_column("previous_version_id", nullable=True),
    version_column("canary_version_id", nullable=True),
    _share("canary_weight"),
    version_column("shadow_version_id", nullable=True),
    _share("shadow_sample"),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("canary_weight BETWEEN 0 AND 1", name="canary_weight"),
    CheckConstraint("shadow_sample BETWEEN 0 AND 1", name="shadow_sample"),
)

alias = Table(
    "alias",
    metadata,
    Column("model", ForeignKey("model.name"), primary_key=True),
    Column("name", String(63), primary_key=True),
    version_column("model_version_id"),
    Column("updated_at", UtcDateTime, nullable=False),
)

worker = Table(
    "worker",
    metadata,
    Column("worker_id", Text, primary_key=True),
    Column("device", Text, nullable=False),
    Column("serves", Document, nullable=False, comment="`only` and `others`: names of models"),
    Column("memory_limit", BigInteger, nullable=False, comment="bytes of models; 0: none"),
    Column("memory_bytes", BigInteger, nullable=False, comment="of its models now"),
    Column("started_at", UtcDateTime, nullable=False),
    Column("heartbeat_at", UtcDateTime, nullable=False),
)

model_replica = Table(
    "model_replica",
    metadata,
    Column("worker_id", ForeignKey("worker.worker_id", ondelete="CASCADE"), primary_key=True),
    version_column("model_version_id", key=True),
    Column("state", String(20), nullable=False, comment="LOADING, READY or FAILED"),
    Column("reason", Text, nullable=False, comment="why it failed, for people"),
    Column("memory_bytes", BigInteger, nullable=False),
    Column("loaded_at", UtcDateTime, comment="null: it is not READY"),
    Column("heartbeat_at", UtcDateTime, nullable=False),
    Column("build", Text, comment="form of its network that is served; null: it is not READY"),
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", Serial, primary_key=True),
    *_route_key(),
    version_column("model_version_id"),
    Column("kind", String(10), nullable=False, comment="live, canary or shadow"),
    Column("weight", Float(53), nullable=False, comment="of canary or shadow, 0 to 1"),
    Column("state", String(20), nullable=False, comment="PENDING, DONE, FAILED or CANCELLED"),
    Column("mode", String(20), nullable=False, comment="availability or resource"),
    Column("action", String(20), nullable=False, comment="what was asked for"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="why it waits, or ended"),
    Column("evidence", Document, nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("deadline", UtcDateTime, nullable=False, comment="FAILED if it is not there by then"),
    Column("ended_at", UtcDateTime),
    CheckConstraint("weight BETWEEN 0 AND 1", name="weight"),
)
partial_index(
    "uq_deployment_pending",
    *(deployment.c[name] for name in ("task", "lang", "tenant", "kind")),
    unique=True,
    where="state = 'PENDING'",
)

deployment_event = Table(
    "deployment_event",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(20), nullable=False),
    Column("task", String(20), comment="null: of no route"),
    Column("lang", String(2)),
    Column("tenant", String(100)),
    Column("from_version", Text, comment="NAME@N; null: there was none"),
    Column("to_version", Text, comment="NAME@N; null: there is none"),
    Column("reason", Text, nullable=False),
    Column("evidence", Document, nullable=False),
    Index(None, "at"),
)

cost_profile = Table(
    "cost_profile",
    metadata,
    Column("model_version_id", ForeignKey("model_version.id"), primary_key=True),
    Column("device_kind", String(40), primary_key=True),
    Column("call_s", Float(53), nullable=False, comment="seconds of a call"),
    Column("token_s", Float(53), nullable=False, comment="seconds of a padded token"),
    Column("pair_s", Float(53), nullable=False, comment="seconds of a pair of tokens"),
    Column("batches", BigInteger, nullable=False, comment="learnt from; 0: the warm-up alone"),
    Column("updated_at", UtcDateTime, nullable=False),
    Column(
        "memory_bytes", BigInteger, comment="what one copy of the version takes; null: not known"
    ),
)
