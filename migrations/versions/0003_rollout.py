"""Rollout: arms of a route, aliases, what workers hold, deployments and their history."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def serial() -> Any:
    """A number that the database gives."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def moment(name: str, *, nullable: bool = False, comment: str | None = None) -> sa.Column[Any]:
    """timestamptz; on SQLite ISO 8601 text in UTC."""
    kind = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
    return sa.Column(name, kind, nullable=nullable, comment=comment)


def document(name: str, comment: str | None = None) -> sa.Column[Any]:
    """JSON."""
    kind = sa.JSON().with_variant(JSONB(), "postgresql")
    return sa.Column(name, kind, nullable=False, comment=comment)


def version_of(table: str, name: str, *, nullable: bool = False, key: bool = False) -> Any:
    """A column that names a version."""
    options: dict[str, Any] = {"primary_key": True, "autoincrement": False} if key else {}
    reference = sa.ForeignKey("model_version.id", name=f"fk_{table}_{name}_model_version")
    return sa.Column(name, serial(), reference, nullable=nullable, **options)


def share(name: str) -> sa.Column[Any]:
    """A number from 0 to 1."""
    return sa.Column(name, sa.Float(53), nullable=False, server_default=sa.text("0"))


def route_key(*, key: bool = False) -> list[sa.Column[Any]]:
    """Task, language and tenant."""
    everybody = sa.text("''")
    return [
        sa.Column("task", sa.String(20), nullable=False, primary_key=key),
        sa.Column("lang", sa.String(2), nullable=False, primary_key=key),
        sa.Column(
            "tenant",
            sa.String(100),
            nullable=False,
            primary_key=key,
            server_default=everybody,
            comment="empty: everybody who has no route of their own",
        ),
    ]


def upgrade() -> None:
    """Widen route and result, then make what is new."""
    widen_route()
    op.add_column(
        "result",
        sa.Column(
            "arm",
            sa.String(10),
            nullable=False,
            server_default=sa.text("'live'"),
            comment="live, canary, or named: the job asked for a model",
        ),
    )
    op.add_column("result", sa.Column("worker_id", sa.Text(), comment="who computed it"))
    op.add_column("result", moment("formed_at", nullable=True, comment="of its batch"))
    add_parent()
    create_workers()
    create_deployments()
    create_shadow_result()


def widen_route() -> None:
    """The primary key changes, so the table is made anew and its rows are carried over."""
    op.execute("CREATE TABLE route_before AS SELECT * FROM route")
    op.drop_table("route")
    op.create_table(
        "route",
        *route_key(key=True),
        version_of("route", "model_version_id"),
        version_of("route", "previous_version_id", nullable=True),
        version_of("route", "canary_version_id", nullable=True),
        share("canary_weight"),
        version_of("route", "shadow_version_id", nullable=True),
        share("shadow_sample"),
        sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()),
        moment("updated_at"),
        sa.PrimaryKeyConstraint("task", "lang", "tenant", name="pk_route"),
        sa.CheckConstraint("canary_weight BETWEEN 0 AND 1", name="canary_weight"),
        sa.CheckConstraint("shadow_sample BETWEEN 0 AND 1", name="shadow_sample"),
    )
    op.execute(
        "INSERT INTO route (task, lang, model_version_id, updated_at) "
        "SELECT task, lang, model_version_id, updated_at FROM route_before"
    )
    op.drop_table("route_before")
    op.create_table(
        "alias",
        sa.Column(
            "model",
            sa.String(63),
            sa.ForeignKey("model.name", name="fk_alias_model_model"),
            primary_key=True,
        ),
        sa.Column("name", sa.String(63), primary_key=True),
        version_of("alias", "model_version_id"),
        moment("updated_at"),
        sa.PrimaryKeyConstraint("model", "name", name="pk_alias"),
    )


def add_parent() -> None:
    """model_version.parent_id; SQLite takes a reference only with its column."""
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE model_version ADD COLUMN parent_id {kind} "
        "CONSTRAINT fk_model_version_parent_id_model_version REFERENCES model_version (id)"
    )


def create_workers() -> None:
    """worker, model_replica."""
    op.create_table(
        "worker",
        sa.Column("worker_id", sa.Text(), primary_key=True),
        sa.Column("device", sa.Text(), nullable=False),
        document("serves", "`only` and `others`: names of models"),
        sa.Column(
            "memory_limit", sa.BigInteger(), nullable=False, comment="bytes of models; 0: none"
        ),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False, comment="of its models now"),
        moment("started_at"),
        moment("heartbeat_at"),
        sa.PrimaryKeyConstraint("worker_id", name="pk_worker"),
    )
    op.create_table(
        "model_replica",
        sa.Column(
            "worker_id",
            sa.Text(),
            sa.ForeignKey(
                "worker.worker_id", name="fk_model_replica_worker_id_worker", ondelete="CASCADE"
            ),
            primary_key=True,
        ),
        version_of("model_replica", "model_version_id", key=True),
        sa.Column("state", sa.String(20), nullable=False, comment="LOADING, READY or FAILED"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it failed, for people"),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        moment("loaded_at", nullable=True, comment="null: it is not READY"),
        moment("heartbeat_at"),
        sa.PrimaryKeyConstraint("worker_id", "model_version_id", name="pk_model_replica"),
    )


def create_deployments() -> None:
    """deployment, deployment_event."""
    op.create_table(
        "deployment",
        sa.Column("id", serial(), primary_key=True),
        *route_key(),
        version_of("deployment", "model_version_id"),
        sa.Column("kind", sa.String(10), nullable=False, comment="live, canary or shadow"),
        sa.Column("weight", sa.Float(53), nullable=False, comment="of canary or shadow, 0 to 1"),
        sa.Column(
            "state", sa.String(20), nullable=False, comment="PENDING, DONE, FAILED or CANCELLED"
        ),
        sa.Column("mode", sa.String(20), nullable=False, comment="availability or resource"),
        sa.Column("action", sa.String(20), nullable=False, comment="what was asked for"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it waits, or ended"),
        document("evidence"),
        moment("requested_at"),
        moment("deadline", comment="FAILED if it is not there by then"),
        moment("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
        sa.CheckConstraint("weight BETWEEN 0 AND 1", name="weight"),
    )
    pending = sa.text("state = 'PENDING'")
    op.create_index(
        "uq_deployment_pending",
        "deployment",
        ["task", "lang", "tenant", "kind"],
        unique=True,
        postgresql_where=pending,
        sqlite_where=pending,
    )
    create_events()


def create_events() -> None:
    """deployment_event; versions are named by text, so that it outlives what it speaks of."""
    op.create_table(
        "deployment_event",
        sa.Column("id", serial(), primary_key=True),
        moment("at"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("task", sa.String(20), comment="null: of no route"),
        sa.Column("lang", sa.String(2)),
        sa.Column("tenant", sa.String(100)),
        sa.Column("from_version", sa.Text(), comment="NAME@N; null: there was none"),
        sa.Column("to_version", sa.Text(), comment="NAME@N; null: there is none"),
        sa.Column("reason", sa.Text(), nullable=False),
        document("evidence"),
        sa.PrimaryKeyConstraint("id", name="pk_deployment_event"),
    )
    op.create_index("ix_deployment_event_at", "deployment_event", ["at"])


def create_shadow_result() -> None:
    """What a shadow answered beside the live version."""
    op.create_table(
        "shadow_result",
        sa.Column("topic_id", sa.String(32), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("record_offset", sa.BigInteger(), primary_key=True, autoincrement=False),
        version_of("shadow_result", "model_version_id", key=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("job_id", sa.String(200), nullable=False),
        sa.Column("task", sa.String(20), nullable=False),
        sa.Column("lang", sa.String(2), nullable=False),
        sa.Column("label", sa.Text()),
        sa.Column("score", sa.Float(53)),
        sa.Column("summary", sa.Text()),
        document("output", "tokens, scores, spans, truncated"),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("worker_id", sa.Text()),
        sa.Column("latency_ms", sa.BigInteger(), nullable=False),
        sa.Column("compute_ms", sa.Float(53), nullable=False),
        moment("created_at"),
        sa.PrimaryKeyConstraint(
            "topic_id", "partition", "record_offset", "model_version_id", name="pk_shadow_result"
        ),
    )
    op.create_index("ix_shadow_result_created_at", "shadow_result", ["created_at"])
