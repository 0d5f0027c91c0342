"""A re-run: what a version answered is asked of another one, as a bulk job of the lowest priority.

    result ─► the texts (log, else the bulk job's file) ─► bulk topic, run N ─► result, run N
    apply     run N and run 0 of each job change places, a window in a transaction

Its jobs have the ids of those that were answered, and a run of their own, so an answer stands until
another is wanted. A window that was published and not noted before the submitter died is published
again, and its jobs end as DUPLICATE.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from producers.bulk.chunk import BadRow, Chunk
from producers.bulk.condition import Condition, parse
from producers.bulk.request import Request, check_name
from producers.bulk.submission import PAUSED_S, Begun, Progress, Watch
from producers.publisher import Encoded, Publisher, encode
from schemas.errors import InvalidJobError, UsageError
from schemas.job import DEFAULT_TENANT
from schemas.settings import Settings
from schemas.task import Task
from workers.assembly import Store, open_past
from workers.bulks.texts import Texts, key_of
from workers.ports import ModelVersion
from workers.sql.bulks import PRIORITIES, FoundBulk
from workers.sql.rerun import Place, Rerun

TOGETHER: Final = 500
"""Texts that are in memory at once, at most,"""
TOKENS: Final = 1_000_000
"""and so many tokens of them."""
COLUMNS: Final = {
    *("job_id", "tenant", "lang", "label", "score", "summary", "created_at", "arm"),
    *("bulk", "bulk_id", "metadata"),
}
"""What `--where` may ask of an answer."""


def request_of(
    store: Store, old: ModelVersion, new: ModelVersion, task: Task | None, where: Sequence[str]
) -> Request:
    """What these words of a person ask.

    Raises:
        UsageError: the versions have no task or no language in common, or several; or the
            condition is none.
    """
    if old.version_id == new.version_id:
        raise UsageError(f"{old} has answered that already: name another version after --to.")
    both = [one for one in old.tasks if one in new.tasks and task in (None, one)]
    if not both or not set(old.languages) & set(new.languages):
        raise UsageError(f"{new} cannot answer what {old} answers: they share no task or language.")
    if len(both) > 1:
        raise UsageError(f"{old} answers {', '.join(both)}: say which with --task.")
    conditions = tuple(parse(words) for words in where)
    for one in conditions:
        if one.column.partition(".")[0] not in COLUMNS:
            raise UsageError(
                f"An answer has no `{one.column[:40]}`: --where knows "
                f"{', '.join(sorted(COLUMNS))}, and members as in metadata.id."
            )
    return Request(
        files=(),
        tasks=(both[0],),
        model=str(new),
        tenant=_tenant(conditions),
        where=conditions,
        again=str(old),
    )


def hand_in(
    settings: Settings,
    store: Store,
    request: Request,
    versions: tuple[ModelVersion, ModelVersion],
    name: str | None,
    *,
    begun: Callable[[Begun], None] = lambda begun: None,
    watch: Watch = lambda progress: None,
) -> tuple[Begun, Progress]:
    """Publish what is to be answered again, or go on with it where an earlier submitter ended.

    Raises:
        UsageError: a job of this name asks something else.
        UnavailableError: log or database do not answer; the same call goes on.
    """
    called = check_name(name) if name else request.name()
    entered = store.bulks.begin(called, request)
    old, new = (version.version_id for version in versions)
    rerun = store.reruns.enter(entered.bulk_id, called, old, new)
    if not entered.chunks and not entered.finished:
        store.bulks.wish(entered.bulk_id, priority=PRIORITIES["low"])
    begun(entered)
    if entered.finished:
        return entered, Progress()
    past = open_past(settings)
    try:
        with Publisher(settings) as publisher:
            again = Again(store, Texts(store, past), publisher, request, rerun, versions[1])
            return entered, again.publish(watch)
    finally:
        past.close()


class Again:
    """One that publishes the jobs of a re-run."""

    def __init__(
        self,
        store: Store,
        texts: Texts,
        publisher: Publisher,
        request: Request,
        rerun: Rerun,
        new: ModelVersion,
    ) -> None:
        self._store, self._texts, self._publisher = store, texts, publisher
        self._request, self._rerun, self._new = request, rerun, new
        self._task = request.tasks[0]
        self._names = {one.bulk_id: one.name for one in store.bulks.every()}

    def publish(self, watch: Watch, wait: Callable[[float], object] = time.sleep) -> Progress:
        """What is not yet noted, to the end or until somebody cancels the job.

        Args:
            watch: told after each window.
            wait: sleeps so many seconds, while the job is paused.
        """
        bulk_id, progress = self._rerun.bulk_id, Progress()
        rows_before = self._store.bulks.submitted(bulk_id).rows
        until = self._store.bulks.find(bulk_id).created_at
        number = self._rerun.pieces
        for place, rows in self._store.reruns.answers(
            self._rerun, self._task, until, self._rerun.place
        ):
            if not rows:
                continue
            if not self._is_wanted_on(wait):
                return progress
            chunk = self._window(number, rows_before + progress.rows + 1, rows)
            self._note(chunk, place)
            progress.add(chunk)
            watch(progress)
            number += 1
        self._store.bulks.finish(bulk_id)
        return progress

    def publish_these(self, rows: Sequence[Any]) -> tuple[int, list[tuple[int, str]]]:
        """Publish the jobs of some rows; how many, and index and reason of those that cannot be."""
        number, bad = 0, []
        for first, some in _parts(rows):
            records, missed = self._records(some)
            self._publisher.publish_records(records, self._task, bulk=True)
            number += len(records)
            bad += [(first + n, why) for n, why in missed]
        return number, bad

    def _is_wanted_on(self, wait: Callable[[float], object]) -> bool:
        while (state := self._store.bulks.state(self._rerun.bulk_id)) == "paused":
            wait(PAUSED_S)
        return state != "cancelled"

    def _window(self, number: int, first_row: int, rows: Sequence[Any]) -> Chunk:
        wanted = [row for row in rows if self._is_in(row)]
        published, bad = self.publish_these(wanted)
        gone = {index for index, _ in bad}
        asked = (row for index, row in enumerate(wanted) if index not in gone)
        return Chunk(
            number=number,
            rows=len(rows),
            documents=published,
            bad=tuple(_bad_row(first_row + n, wanted[n], why) for n, why in bad),
            left_out=len(rows) - len(wanted),
            tokens=sum(row.output["tokens"] for row in asked),
            reused={},
        )

    def _note(self, chunk: Chunk, place: Place | None) -> None:
        self._store.reruns.keep(self._rerun, chunk, place)

    def _is_in(self, row: Any) -> bool:
        if row.lang not in self._new.languages:
            return False
        values = dict(row._mapping)
        values["created_at"] = row.created_at.isoformat()
        values["bulk"] = self._names.get(row.bulk_id)
        return all(each.holds(values) for each in self._request.where)

    def _records(self, rows: Sequence[Any]) -> tuple[Encoded, list[tuple[int, str]]]:
        jobs = self._texts.jobs(rows)
        records, bad = [], []
        for index, row in enumerate(rows):
            job = jobs.get(key_of(row))
            if job is None:
                bad.append((index, "text_gone"))
                continue
            own = {"lang": row.lang, "model": self._request.model, "run": self._rerun.run}
            try:
                again = msgspec.structs.replace(
                    job, bulk_id=self._rerun.bulk_id, deadline=None, **own
                )
                records.append(encode(again))
            except InvalidJobError as error:  # a setting beside the text makes it too large
                bad.append((index, error.reason))
        return records, bad


def publish_failed(settings: Settings, store: Store, job: FoundBulk) -> int:
    """Publish those of a re-run once more that ended without an answer; how many."""
    from workers.sql.bulk_progress import failures

    failed = {one.job_id for one in failures(store.engine, job.bulk_id) if one.state != "CANCELLED"}
    if not failed:
        return 0
    rerun = store.reruns.find(job.bulk_id)
    new = next(v for v in store.registry.versions() if v.version_id == rerun.to_version_id)
    rows = store.reruns.these(rerun, job.request.tasks[0], sorted(failed))
    past = open_past(settings)
    try:
        with Publisher(settings) as publisher:
            again = Again(store, Texts(store, past), publisher, job.request, rerun, new)
            return again.publish_these(rows)[0]
    finally:
        past.close()


def _parts(rows: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    """The rows in parts that fit into memory, each with the index of its first one."""
    first = tokens = 0
    for index, row in enumerate(rows):
        tokens += row.output["tokens"]
        if index + 1 - first == TOGETHER or tokens >= TOKENS:
            yield first, rows[first : index + 1]
            first, tokens = index + 1, 0
    if first < len(rows):
        yield first, rows[first:]


def _bad_row(number: int, row: Any, why: str) -> BadRow:
    detail = (
        f"the text of {row.job_id} is neither in the log nor in a bulk job's file any more"
        if why == "text_gone"
        else f"{row.job_id} cannot be published again"
    )
    return BadRow(row=number, file=row.topic, line=row.record_offset, reason=why, detail=detail)


def _tenant(where: Sequence[Condition]) -> str:
    """Whose job it is: of the one tenant that is asked for."""
    named = [one.value for one in where if (one.column, one.how) == ("tenant", "=")]
    return named[0] if named else DEFAULT_TENANT
