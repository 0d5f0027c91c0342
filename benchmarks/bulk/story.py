"""A bulk job from its submission to its last answer, with whoever works on it killed on the way.

    submitter      dies when a third of the rows is noted, and is started again
    worker         the process that computes dies when 8 % have an answer, and is replaced
    dispatcher     dies when 16 % have one, and another is started

Then `textmill bulk status` is asked when the job will be done: nobody can foresee a death, but a
standstill behind must not count as slowness.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import text

from benchmarks import answers
from benchmarks.answers import Kept
from benchmarks.bulk.command import LIMIT_S, Commands
from benchmarks.bulk.crew import Crew
from benchmarks.bulk.eta import MOMENTS, Told
from benchmarks.part import await_rows
from benchmarks.processes import Child, Use
from benchmarks.report import say
from benchmarks.rig import Rig
from schemas.errors import TextmillError, UsageError
from workers.assembly import Store

SUBMITTER_DIES: Final = 1 / 3
WORKER_DIES: Final = 0.08
DISPATCHER_DIES: Final = 0.16
_LOOK_S = 0.02


class Story(msgspec.Struct):
    """What happened when. Moments are seconds since 1970."""

    bulk_id: str
    began: float
    ended: float
    killed: dict[str, float]
    """Share of the way at which each was killed: of the submission, or of the answers."""
    told: list[Told]
    final: dict[str, Any]
    """The last `bulk status`."""
    uses: dict[str, list[Use]]


class Teller:
    """Carries a job through."""

    def __init__(self, where: Rig, commands: Commands, crew: Crew, rows: int, name: str) -> None:
        self._where, self._commands, self._crew = where, commands, crew
        self._rows, self._name = rows, name
        self._bulk_id = ""
        self._killed: dict[str, float] = {}
        self._told: list[Told] = []

    def tell(self, submit: Sequence[str]) -> Story:
        """Everything, in its order."""
        began = time.time()
        first = self._crew.start("submitter", *submit)
        with Store(self._where.settings) as store:
            self._bulk_id = self._kill_submitter(store, first)
        submitter = self._crew.start("submitter again", *submit)
        for share, act in self._events():
            await_rows(
                self._where,
                self._crew.serving(),
                Kept.RESULT,
                self._bulk_id,
                round(share * self._rows),
                LIMIT_S,
            )
            act()
        submitter.wait(LIMIT_S)
        ended = self._last_answer()
        final, uses = self._status(), self._crew.uses()
        return Story(self._bulk_id, began, ended, self._killed, self._told, final, uses)

    def _events(self) -> list[tuple[float, Callable[[], None]]]:
        """What is done when so large a share has an answer."""
        events: list[tuple[float, Callable[[], None]]] = [(one, self._ask) for one in MOMENTS]
        events += [(WORKER_DIES, self._kill_worker), (DISPATCHER_DIES, self._kill_dispatcher)]
        return [*sorted(events, key=lambda event: event[0]), (1.0, lambda: None)]

    def _kill_submitter(self, store: Store, submitter: Child) -> str:
        """Once a third of the rows is noted; the job's id."""
        while self._noted(store)[1] < SUBMITTER_DIES * self._rows:
            submitter.check()
            time.sleep(_LOOK_S)
        self._crew.kill("submitter")
        bulk_id, rows = self._noted(store)
        if rows >= self._rows:
            raise TextmillError("The submitter was killed too late: give more --rows.")
        self._note("submitter", rows)
        return bulk_id

    def _noted(self, store: Store) -> tuple[str, int]:
        """The job's id, and how many of its rows are in the log."""
        try:
            found = store.bulks.find(self._name)
        except UsageError:  # it has not begun yet
            return "", 0
        return found.bulk_id, store.bulks.submitted(found.bulk_id).rows

    def _kill_worker(self) -> None:
        self._crew.kill_computing("worker")
        self._note("worker", self._answered())

    def _kill_dispatcher(self) -> None:
        self._crew.kill("dispatcher")
        self._crew.start("dispatcher again", "dispatch")
        self._note("dispatcher", self._answered())

    def _answered(self) -> int:
        return answers.count(self._where.engine, Kept.RESULT, self._bulk_id)

    def _note(self, name: str, rows: int) -> None:
        share = round(rows / self._rows, 3)
        self._killed[name] = share
        say(f"{name} killed after {share:.0%}")

    def _ask(self) -> None:
        said = self._status()
        now = Told(
            at=time.time(),
            share=said["done"] / self._rows,
            submitting=said["submitted_at"] is None,
            eta_s=said["eta_s"],
            per_s=said["per_s"],
        )
        self._told.append(now)
        say(f"{now.share:.0%}: {now.eta_s} s left at {now.per_s}/s, {said['state']}")

    def _status(self) -> dict[str, Any]:
        said = self._commands.run("status", "bulk", "status", self._name, "--json").said
        found: dict[str, Any] = json.loads(said[said.index("{") :])
        return found

    def _last_answer(self) -> float:
        last = text("SELECT extract(epoch FROM max(created_at)) FROM result WHERE bulk_id = :one")
        with self._where.engine.connect() as connection:
            return float(connection.scalar(last, {"one": self._bulk_id}) or 0.0)
