"""The Results port: answers and endings of a batch, in one transaction.

    fence → insert what is new → explain the rest → insert endings

Repeating it changes nothing. Rows are taken for new, which PostgreSQL writes for less; when one is
not, or when the last batches had such, the transaction is run with care for repetitions. When the
database refuses a value, the transaction is run once more, inserting by halves until the row is
alone; that row ends as QUARANTINED, its neighbours are kept.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Engine

from schemas.batch import Batch
from schemas.record import Ending, Partition
from workers.ports import Answer, Recorded
from workers.sql.endings import insert_endings
from workers.sql.entity_names import hold_names, share_names
from workers.sql.errors import RepeatedError, UnstorableError
from workers.sql.fence import current_epochs, key
from workers.sql.insert import insert_by_halves, insert_results
from workers.sql.known_names import Edition, KnownNames, Name
from workers.sql.outcome import Record, explain, record_of, unstorable
from workers.sql.repetitions import Repetitions
from workers.sql.row import Shared, names_of, order, rows_of, shared_of, storable
from workers.sql.shadows import INSERT_SHADOW, shadow_rows
from workers.sql.transaction import written


class _Learnt(NamedTuple):
    """What a transaction found out, true once it is committed."""

    names: Collection[Name] = ()
    """That it wrote."""
    edition: Edition = None
    """Of the dictionary that it saw."""
    repeated: bool = False
    """Whether an answer was not new."""


class _Work(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept."""

    answers: Sequence[Answer]
    endings: Sequence[Ending]
    shared: Shared
    streamed: bool
    """Whether the new rows shall be told on their topics too."""

    def claims(self) -> set[tuple[Partition, int]]:
        """The partitions all this came from, and the epochs under which it was made."""
        answers = {(answer.item.partition, answer.item.epoch) for answer in self.answers}
        return answers | {(ending.partition, ending.epoch) for ending in self.endings}

    def records(self) -> list[Record]:
        """The records all this is about."""
        answers = [record_of(answer.item) for answer in self.answers]
        return answers + [(ending.partition, ending.offset) for ending in self.endings]

    def of(self, claims: set[tuple[Partition, int]]) -> "_Work":
        """The part that was made under these claims."""
        return msgspec.structs.replace(
            self,
            answers=[a for a in self.answers if (a.item.partition, a.item.epoch) in claims],
            endings=[e for e in self.endings if (e.partition, e.epoch) in claims],
        )


class SqlResults:
    """The worker's side of the store."""

    def __init__(self, engine: Engine, *, streamed: bool = False) -> None:
        """
        Args:
            engine: of the store.
            streamed: whether new rows shall be told on their topics too.
        """
        self._engine = engine
        self._streamed = streamed
        self._names = KnownNames()
        self._repetitions = Repetitions()

    def record(
        self,
        batch: Batch,
        answers: Sequence[Answer],
        endings: Sequence[Ending],
        compute_s: float,
    ) -> Recorded:
        """See `workers.ports.Results`."""
        refused = [answer.item for answer in answers if not storable(answer.prediction)]
        work = _Work(
            answers=sorted((a for a in answers if storable(a.prediction)), key=order),
            endings=[*endings, *(unstorable(item, batch.version_id) for item in refused)],
            shared=shared_of(batch, len(answers), compute_s, datetime.now(UTC)),
            streamed=self._streamed,
        )
        try:
            recorded, learnt = self._kept(work)
        except UnstorableError:
            recorded, _ = written(self._engine, partial(_record, work=work, known=None))
        else:
            self._names.learn(learnt.names, learnt.edition)
        return recorded

    def _kept(self, work: _Work) -> tuple[Recorded, _Learnt]:
        """As if all were new, unless that fails or is not to be expected."""
        attempt = partial(_record, work=work, known=self._names)
        if not self._repetitions.expected():
            with suppress(RepeatedError):
                return written(self._engine, partial(attempt, all_new=True))
        recorded, learnt = written(self._engine, attempt)
        self._repetitions.note(learnt.repeated)
        return recorded, learnt

    def compare(self, batch: Batch, answers: Sequence[Answer], compute_s: float, why: str) -> None:
        """See `workers.ports.Results`."""
        rows = shadow_rows(batch, answers, compute_s, why, datetime.now(UTC))
        if rows:
            written(self._engine, lambda connection: connection.execute(INSERT_SHADOW, rows))


def _record(
    connection: Connection, *, work: _Work, known: KnownNames | None, all_new: bool = False
) -> tuple[Recorded, _Learnt]:
    """Keep the work; `known` None: by halves, so that what the database refuses is found.

    `all_new`: not if it repeats anything; see `insert_results`.
    """
    claims = work.claims()
    epochs = current_epochs(
        connection,
        [partition for partition, _ in claims],
        exclusive=known is None or bool(work.endings),
    )
    stale = {claim for claim in claims if epochs.get(key(claim[0])) != claim[1]}
    ours = work.of(claims - stale) if stale else work
    learnt = _Learnt()
    if known is None:
        settled, more = _keep_by_halves(connection, ours)
    else:
        settled, more, learnt = _keep(connection, ours, known, all_new)
    endings = [*ours.endings, *more]
    insert_endings(connection, endings, work.shared.created_at)
    settled += [(ending.partition, ending.offset) for ending in endings]
    recorded = Recorded(
        settled=tuple(dict.fromkeys(settled)),
        fenced=tuple(work.of(stale).records()),
        ended=tuple(one.state for one in endings),
    )
    return recorded, learnt


def _keep(
    connection: Connection, work: _Work, known: KnownNames, all_new: bool
) -> tuple[list[Record], list[Ending], _Learnt]:
    """Insert the answers that are new; the records settled by that, endings for others, and the
    what is known once this is committed."""
    rows = rows_of(work.answers, work.shared)
    names = names_of(rows)
    edition = share_names(connection) if names else None
    missing = known.unknown(names, edition)
    new = insert_results(connection, rows, work.shared, work.streamed, missing, all_new=all_new)
    settled, endings = _told(connection, work.answers, new)
    if new < len(work.answers):  # one that was left out may have a name that nobody has
        return settled, endings, _Learnt(repeated=True)
    return settled, endings, _Learnt(missing, edition)


def _keep_by_halves(connection: Connection, work: _Work) -> tuple[list[Record], list[Ending]]:
    """The same, with endings for answers that the database refuses. Names are not written in order
    then, so nobody else may write any."""
    if names_of(rows_of(work.answers, work.shared)):
        hold_names(connection)
    new, refused = insert_by_halves(connection, work.answers, work.shared, work.streamed)
    set_aside = {id(answer) for answer in refused}
    taken = [answer for answer in work.answers if id(answer) not in set_aside]
    settled, endings = _told(connection, taken, new)
    refusals = [unstorable(answer.item, work.shared.model_version_id) for answer in refused]
    return settled, refusals + endings


def _told(
    connection: Connection, answers: Sequence[Answer], new: int
) -> tuple[list[Record], list[Ending]]:
    """The records that are settled now that so many answers were new, and endings for repeated
    jobs."""
    if new == len(answers):
        return [record_of(answer.item) for answer in answers], []
    settled, repetitions = explain(connection, answers)
    return list(settled), repetitions
