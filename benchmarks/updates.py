"""Carrying out updates under load: versions made, entered and activated, and what it came to."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import msgspec
from sqlalchemy import text

from benchmarks.report import say
from benchmarks.rig import Rig
from benchmarks.timeline import Change, Formed, changes
from models import artifact
from schemas.errors import TextmillError
from schemas.task import Task
from workers.assembly import Store
from workers.handover.news import RedisNews
from workers.rollout.operator import Operator
from workers.rollout.scope import Scope
from workers.rollout.steps import Step

LOADING_S = 60.0
"""How long a load is waited for that is to be killed."""
_LOADING = (
    "SELECT r.worker_id FROM model_replica AS r JOIN model_version AS v "
    "ON v.id = r.model_version_id WHERE r.state = 'LOADING' AND v.model || '@' || v.version = :one"
)
_FORMED = (
    "SELECT extract(epoch FROM r.formed_at), r.arm, v.model || '@' || v.version, r.batch_id "
    "FROM result AS r JOIN model_version AS v ON v.id = r.model_version_id WHERE r.bulk_id = :run"
)


class Update(msgspec.Struct):
    """One change of the route."""

    action: str
    version: str
    begin: float
    """Seconds since 1970: when it was asked for."""
    end: float
    """When it was there, or had failed."""
    failed: str = ""
    """Why it did not come true."""


def variants(version: Path, directory: Path, count: int) -> Iterator[Path]:
    """Versions with the same weights and another card, hence another digest."""
    manifest = artifact.read_manifest(version)
    with TemporaryDirectory() as workspace:
        card = Path(workspace) / artifact.CARD
        for number in range(count):
            card.write_text(f"Variant {number}.\n")
            files = {name: version / name for name in manifest.files} | {artifact.CARD: card}
            where = directory / f"variant-{number}"
            artifact.save(where, manifest, files)
            yield where


class Updates:
    """One tenant's route, changed again and again by an operator who stays connected: opening the
    store would be the most of what each update costs this process, which is the sender's too."""

    def __init__(self, where: Rig, task: Task, tenant: str) -> None:
        self._where = where
        self._scope = Scope(task=task, lang="en", tenant=tenant)
        self._store = Store(where.settings)
        self._news = RedisNews(where.settings.redis.url)
        self.done: list[Update] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._news.close()
        self._store.engine.dispose()

    def activate(self, version: str) -> Update:
        """Let a version answer; returns when it does."""
        return self._carry_out("activate", version)

    def rollback(self, version: str) -> Update:
        """Let the one before answer again."""
        return self._carry_out("rollback", version)

    def activate_and_kill(self, version: str) -> tuple[Update, str]:
        """The same, while the first worker that loads it is killed; returns its id too."""
        killed: list[str] = []
        killer = threading.Thread(target=lambda: killed.append(self._kill_loading(version)))
        killer.start()
        update = self.activate(version)
        killer.join()
        if not killed:
            raise TextmillError(f"No worker was killed while it loaded {version}.")
        return update, killed[0]

    def changes(self) -> list[Change]:
        """Which version was which arm from when on."""
        events = self._store.rollouts.history(None, 10_000)
        mine = [one for one in events if one.key and self._scope.covers(one.key)]
        return changes(reversed(mine))

    def formed(self, run: str) -> list[Formed]:
        """The rows of a run, each with its arm, version and batch."""
        with self._where.engine.connect() as connection:
            rows = connection.execute(text(_FORMED), {"run": run}).all()
        return [Formed(float(row[0]), *row[1:]) for row in rows]

    def _carry_out(self, action: str, version: str) -> Update:
        begin = time.time()
        store, tell = self._store, self._news.tell
        operator = Operator(store.registry, store.rollouts, actor="benchmark", tell=tell)
        act = {"activate": operator.activate, "rollback": operator.rollback}[action]
        steps = operator.wait(act(version, self._scope))
        update = Update(action, version, begin, time.time(), _failure(steps))
        say(f"{action} {version}: {update.end - begin:.1f} s {update.failed}")
        self.done.append(update)
        return update

    def _kill_loading(self, version: str) -> str:
        """SIGKILL to the first worker that loads the version; its id names its process."""
        deadline = time.monotonic() + LOADING_S
        while time.monotonic() < deadline:
            with self._where.engine.connect() as connection:
                found = connection.execute(text(_LOADING), {"one": version}).scalars().first()
            if found:
                os.kill(int(found.split("-")[-2]), signal.SIGKILL)
                return str(found)
            time.sleep(0.02)
        raise TextmillError(f"No worker began to load {version} within {LOADING_S:.0f} s.")


def _failure(steps: list[Step]) -> str:
    return "; ".join(step.reason for step in steps if step.state != "DONE")
