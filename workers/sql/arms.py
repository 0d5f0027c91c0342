"""What the arms of a route have done, read for a decision or a comparison."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, func, select

from schemas.prediction import Prediction
from schemas.tables import ending, result, route, shadow_result
from workers.core.guard import Evidence, Figures
from workers.core.likeness import Pair, likeness
from workers.desired import Route, RouteKey
from workers.ports import Drift, ModelVersion
from workers.sql.routes import is_of
from workers.sql.statement import statement
from workers.sql.transaction import reading, retried

MOST_PAIRS: Final = 2_000
"""The newest pairs of answers that are looked at."""

_STATS = statement("SELECT * FROM arm_stats WHERE model = :model AND version = :version")


_DRIFT = statement("SELECT model, version, task, feature, psi FROM drift")


class SqlArms:
    """Reads results, endings and shadow results by arm."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def evidence(self, routed: Route) -> Evidence | None:
        """What is known of a route's canary since the route last changed; None without a canary."""
        canary = routed.canary
        if canary is None:
            return None

        def read() -> Evidence:
            with reading(self._engine) as connection:
                key, since = routed.key, _changed(connection, routed.key)
                pairs = _pairs(connection, (canary, routed.live), key, since)
                return Evidence(
                    live=_figures(connection, key, routed.live, "live", since),
                    canary=_figures(connection, key, canary, "canary", since),
                    pairs=len(pairs),
                    alike=sum(map(likeness, pairs)),
                )

        return retried(read)

    def stats(self, version: ModelVersion) -> Sequence[dict[str, Any]]:
        """The rows of `arm_stats` of a version."""

        def read() -> Sequence[dict[str, Any]]:
            named = {"model": version.name, "version": version.version}
            with reading(self._engine) as connection:
                return [dict(row) for row in connection.execute(_STATS, named).mappings()]

        return retried(read)

    def drift(self) -> Sequence[Drift]:
        """The rows of the view `drift`; reads all results."""

        def read() -> Sequence[Drift]:
            with reading(self._engine) as connection:
                return [Drift(*row) for row in connection.execute(_DRIFT)]

        return retried(read)

    def pairs(self, one: ModelVersion, other: ModelVersion) -> list[Pair]:
        """The newest answers of both to the same texts, whichever of them was heard."""

        def read() -> list[Pair]:
            with reading(self._engine) as connection:
                return _pairs(connection, (one, other), None, None)

        return retried(read)


def _changed(connection: Connection, key: RouteKey) -> datetime:
    asked = select(route.c.updated_at).where(is_of(route, key))
    changed: datetime = connection.execute(asked).scalar_one()
    return changed


def _of_route(table: Any, key: RouteKey) -> ColumnElement[bool]:
    """The jobs of a route: its tenant's, or those of all who have no route of their own."""
    jobs = and_(table.c.task == key.task.value, table.c.lang == key.lang)
    if key.tenant:
        return and_(jobs, table.c.tenant == key.tenant)
    own = select(route.c.tenant).where(
        route.c.task == key.task.value, route.c.lang == key.lang, route.c.tenant != ""
    )
    return and_(jobs, table.c.tenant.not_in(own))


def _figures(
    connection: Connection,
    key: RouteKey,
    version: ModelVersion,
    arm: Literal["live", "canary"],
    since: datetime,
) -> Figures:
    def of(table: Any) -> ColumnElement[bool]:
        mine = and_(table.c.model_version_id == version.version_id, table.c.arm == arm)
        return and_(_of_route(table, key), mine, table.c.created_at >= since)

    answered = connection.execute(select(func.count()).where(of(result))).scalar_one()
    failed = select(func.count()).where(of(ending), ending.c.state == "QUARANTINED")
    errors = connection.execute(failed).scalar_one()
    slowest = (
        select(result.c.latency_ms)
        .where(of(result))
        .order_by(result.c.latency_ms)
        .offset(max(0, -(-answered * 99 // 100) - 1))
        .limit(1)
    )
    p99 = connection.execute(slowest).scalar()
    return Figures(jobs=answered + errors, errors=errors, p99_ms=p99)


def _pairs(
    connection: Connection,
    versions: tuple[ModelVersion, ModelVersion],
    key: RouteKey | None,
    since: datetime | None,
) -> list[Pair]:
    """Answers of both versions, the first one's first."""
    found: list[Pair] = []
    for heard, second in (versions, versions[::-1]):
        rows = connection.execute(_joined(heard, second, key, since)).all()
        turned = heard is not versions[0]
        for row in rows:
            answers = _said(row, ""), _said(row, "second_")
            found.append(Pair(row.lang, *(answers[::-1] if turned else answers)))
    return found[:MOST_PAIRS]


def _joined(
    heard: ModelVersion, second: ModelVersion, key: RouteKey | None, since: datetime | None
) -> Select[Any]:
    names = ("label", "score", "summary", "output")
    place = ("topic_id", "partition", "record_offset")
    wanted: list[Any] = [result.c.lang, *(result.c[name] for name in names)]
    wanted += [shadow_result.c[name].label(f"second_{name}") for name in names]
    joined = result.join(
        shadow_result, and_(*(result.c[name] == shadow_result.c[name] for name in place))
    )
    conditions = [
        result.c.model_version_id == heard.version_id,
        shadow_result.c.model_version_id == second.version_id,
        shadow_result.c.error.is_(None),
    ]
    conditions += [] if key is None else [_of_route(result, key)]
    conditions += [] if since is None else [shadow_result.c.created_at >= since]
    newest = shadow_result.c.created_at.desc()
    return select(*wanted).select_from(joined).where(*conditions).order_by(newest).limit(MOST_PAIRS)


def _said(row: Row[Any], prefix: str) -> Prediction:
    """An answer as it was given."""
    named = {name: getattr(row, prefix + name) for name in ("label", "score", "summary")}
    return msgspec.convert({**getattr(row, f"{prefix}output"), **named}, Prediction)
