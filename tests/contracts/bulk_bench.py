"""A store and an embedded log with bulk jobs, and hands to play dispatcher and worker with."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from producers.bulk import chunk, submission
from producers.bulk.request import Request, file_at
from schemas.errors import UnavailableError
from schemas.prediction import Prediction
from schemas.record import Terminal
from schemas.settings import DatabaseSettings, Settings
from schemas.task import Task
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import SENTIMENT, World
from workers.assembly import Store
from workers.bulks import desk
from workers.bulks.export import Export
from workers.bulks.status import Status, status_of
from workers.sql.bulks import SqlBulks

__all__ = ["store_url", "world"]


class Bench:
    """A store, an embedded log, and hands to play dispatcher and worker with."""

    def __init__(self, world: World, store_url: str, directory: Path) -> None:
        self.world = world
        self.settings = Settings(
            data_dir=str(directory / "data"), database=DatabaseSettings(url=store_url)
        )
        self.store = Store(self.settings)
        self.file = directory / "in.jsonl"
        self.out = directory / "out.jsonl"
        self._offset = 100

    def write(self, *lines: Any) -> None:
        said = [one if isinstance(one, str) else json.dumps(one) for one in lines]
        self.file.write_text("".join(line + "\n" for line in said), encoding="utf-8")

    def request(self, **fields: Any) -> Request:
        asked = {"tasks": (Task.SENTIMENT,), **fields}
        return Request(files=(file_at(self.file),), **asked)

    def submit(self, name: str = "june", **fields: Any) -> submission.Progress:
        return desk.hand_in(self.settings, self.request(**fields), name)[1]

    def submit_and_die(self, patch: pytest.MonkeyPatch, **fields: Any) -> None:
        """Submit in pieces of two rows; die when the log has the second piece and the manifest does
        not. Pieces stay as short afterwards."""
        pieces, keep = chunk.pieces, SqlBulks.keep

        def dies(bulks: SqlBulks, bulk_id: str, one: Any, columns: Any) -> Any:
            if one.number == 1:
                raise UnavailableError("away")
            return keep(bulks, bulk_id, one, columns)

        patch.setattr(chunk, "pieces", lambda request, tell: pieces(request, tell, 2))
        with patch.context() as dying:
            dying.setattr(SqlBulks, "keep", dies)
            with pytest.raises(UnavailableError):
                self.submit(**fields)

    def records(self) -> list[dict[str, Any]]:
        """What is in the log, in order."""
        with sqlite3.connect(self.settings.log_path) as log:
            rows = log.execute("SELECT value FROM record ORDER BY rowid").fetchall()
        log.close()
        found = [json.loads(value) for (value,) in rows]
        return sorted(found, key=lambda one: str(one["job_id"]))

    def answer(
        self,
        jobs: Sequence[dict[str, Any]],
        said: Prediction = SENTIMENT,
        task: Task = Task.SENTIMENT,
    ) -> None:
        self._offset += len(jobs)
        first = self._offset - len(jobs)
        self.world.record(
            *(
                self.world.answer(first + n, said=said, task=task, **job)
                for n, job in enumerate(jobs)
            )
        )

    def end(self, job: dict[str, Any], state: Terminal, reason: str) -> None:
        whose = {"tenant": "default", "job_id": job["job_id"], "bulk_id": job["bulk_id"]}
        self.world.ledger.end([self.world.ending(self._offset, state, reason, **whose)])
        self._offset += 1

    def status(self, name: str = "june") -> Status:
        return status_of(self.store, self.store.bulks.find(name), 1)

    def export(self, name: str = "june", *, flat: bool = False) -> list[dict[str, Any]]:
        job = Export(self.store, self.store.bulks.find(name), flat=flat)
        return [dict(row) for block in job.blocks() for row in block.rows()]


@pytest.fixture
def bench(world: World, store_url: str, tmp_path: Path) -> Iterator[Bench]:
    """An empty bench."""
    bench = Bench(world, store_url, tmp_path)
    yield bench
    bench.store.engine.dispose()


def lines(count: int) -> list[dict[str, Any]]:
    return [{"key": f"k{n}", "text": f"text {n}"} for n in range(count)]
