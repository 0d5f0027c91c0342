"""Working implementations of the ports in memory, with the meaning of the real adapters.

    MemoryLog     a partitioned log with a group of members; `MemoryLog.member` is a `JobLog`
    MemoryOutbox  results that wait for their topic
    MemoryStore   all other ports of the store: each call is one transaction

The store keeps every row it was made to write, also those that should not exist, so that a test
can look for a second terminal state or a second result.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from schemas import wire
from schemas.batch import Batch, BatchItem
from schemas.errors import UnavailableError
from schemas.model_version import Language, Manifest
from schemas.prediction import Prediction
from schemas.record import Ending, Partition, Record, Terminal
from schemas.result import Result
from schemas.task import Task
from workers.desired import Route, RouteKey
from workers.ports import Answer, Claim, ModelVersion, Order, Polled, Profile, Recorded

Coordinates = tuple[Partition, int]
JobKey = tuple[str, str, Task, int]


class MemoryLog:
    """Records by partition, and which member of the group may read which."""

    def __init__(self, *, eager: bool = True, waits: bool = False, max_poll: int = 500) -> None:
        """
        Args:
            eager: a rebalance takes all partitions from all members for a moment, as Kafka's does.
            waits: an empty poll waits for records, as it must in a thread of its own.
        """
        self.eager = eager
        self.max_poll = max_poll
        self.away = False
        self.commits_fail = False
        self.records: dict[Partition, list[Record]] = {}
        self.first: dict[Partition, int] = {}
        self.end: dict[Partition, int] = {}
        self.committed: dict[Partition, int] = {}
        self.undecodable: set[Coordinates] = set()
        self.members: list[str] = []
        self.owners: dict[Partition, tuple[str, int]] = {}
        """Owner and generation; a new generation is a new assignment even to the same member."""
        self.changed = threading.Condition()
        self._waits = waits
        self._generation = 0

    def create(self, partition: Partition, first: int = 0) -> None:
        """Add a partition whose first record will have the offset `first`."""
        self.records[partition] = []
        self.first[partition] = self.end[partition] = first
        self.balance()

    def append(self, partition: Partition, *values: bytes | None, gap: int = 0) -> int:
        """Write records after a gap of so many offsets; returns the last offset."""
        with self.changed:
            self.end[partition] += gap
            for value in values:
                self.records[partition].append(Record(partition, self.end[partition], value, 0.0))
                self.end[partition] += 1
            self.changed.notify_all()
        return self.end[partition] - 1

    def member(self, member_id: str) -> "Member":
        """Let a member join the group."""
        self.join(member_id)
        return Member(self, member_id)

    def join(self, member_id: str) -> None:
        """Enter the group; the partitions are spread anew."""
        self.members.append(member_id)
        self.balance()

    def leave(self, member_id: str) -> None:
        """Take a member out of the group; the partitions are spread anew."""
        if member_id in self.members:
            self.members.remove(member_id)
            self.balance()

    def balance(self, turn: int = 0) -> None:
        """Spread the partitions over the members, beginning with the member number `turn`."""
        self._generation += 1
        for number, partition in enumerate(sorted(self.records)):
            if not self.members:
                self.owners.pop(partition, None)
                continue
            owner = self.members[(number + turn) % len(self.members)]
            if self.eager or self.owners.get(partition, ("", 0))[0] != owner:
                self.owners[partition] = (owner, self._generation)

    def read(self, partition: Partition, position: int, limit: int) -> list[Record]:
        """Records from an offset on."""
        found = [r for r in self.records[partition] if r.offset >= position]
        return found[:limit]

    def wait(self, timeout_s: float) -> None:
        """Wait for an append, if this log waits at all."""
        if self._waits:
            with self.changed:
                self.changed.wait(timeout_s)


class Member:
    """`JobLog`: one member's view, which may be out of date."""

    def __init__(self, log: MemoryLog, member_id: str) -> None:
        self.paused: set[Partition] = set()
        self.closed = False
        self._log = log
        self._id = member_id
        self._owned: dict[Partition, int] = {}
        self._position: dict[Partition, int] = {}

    def poll(self, timeout_s: float) -> Polled:
        if self._log.away:
            raise UnavailableError("the log is away")
        lost, gained = self._catch_up()
        records, undecodable = self._fetch()
        if not (lost or gained or records or undecodable):
            self._log.wait(timeout_s)
        return Polled(records=records, gained=gained, lost=lost, undecodable=undecodable)

    def seek(self, partition: Partition, offset: int) -> None:
        self._position[partition] = offset

    def pause(self, partitions: Sequence[Partition]) -> None:
        self.paused.update(partitions)

    def resume(self, partitions: Sequence[Partition]) -> None:
        self.paused.difference_update(partitions)

    def extent(self, partition: Partition) -> tuple[int, int]:
        return self._log.first[partition], self._log.end[partition]

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        if self._log.commits_fail:
            raise UnavailableError("the log takes no commit")
        self._log.committed.update(offsets)

    def close(self) -> None:
        self.closed = True
        self._log.leave(self._id)

    def _catch_up(self) -> tuple[frozenset[Partition], frozenset[Partition]]:
        if self._id not in self._log.members:
            self._log.join(self._id)
        mine = {p: g for p, (owner, g) in self._log.owners.items() if owner == self._id}
        if mine == self._owned:
            return frozenset(), frozenset()
        lost = frozenset(p for p, g in self._owned.items() if mine.get(p) != g)
        gained = frozenset(p for p, g in mine.items() if self._owned.get(p) != g)
        self._owned = mine
        self.paused = (self.paused - lost) | gained
        return lost, gained

    def _fetch(self) -> tuple[list[Record], list[Coordinates]]:
        records: list[Record] = []
        undecodable: list[Coordinates] = []
        for partition in self._owned:
            if partition in self.paused or partition not in self._position:
                continue
            found = self._log.read(partition, self._position[partition], self._log.max_poll)
            for record in found:
                self._position[partition] = record.offset + 1
                if (partition, record.offset) in self._log.undecodable:
                    undecodable.append((partition, record.offset))
                else:
                    records.append(record)
        return records, undecodable


class MemoryOutbox:
    """`ResultOutbox` of a list."""

    def __init__(self, *waiting: Result) -> None:
        self.waiting = list(waiting)

    @contextmanager
    def taken(self, limit: int) -> Iterator[Sequence[Result]]:
        found = self.waiting[:limit]
        yield found
        del self.waiting[: len(found)]


class Row(msgspec.Struct, frozen=True):
    """A row of `result`."""

    partition: Partition
    offset: int
    epoch: int
    job: JobKey
    digest: bytes
    version_id: int
    prediction: Prediction


class MemoryStore:
    """Ledger, Results, Registry and Profiles in memory; safe to call from several threads."""

    def __init__(self, *versions: ModelVersion) -> None:
        self.away = False
        self.calls: defaultdict[str, int] = defaultdict(int)
        self.epochs: dict[Partition, int] = {}
        self.next_offsets: dict[Partition, int] = {}
        self.rows: list[Row] = []
        self.endings: list[Ending] = []
        self.states: defaultdict[Coordinates, list[Terminal]] = defaultdict(list)
        """All terminal states ever written for a record; more than one is an error."""
        self.letters: dict[int, bytes] = {}
        self.compared: dict[Coordinates, tuple[int, Prediction]] = {}
        """What a shadow answered, by record."""
        self.published: set[int] = set()
        self.registered = versions
        self.shadow: ModelVersion | None = None
        """The shadow of every route."""
        self.costs: dict[tuple[int, str], Profile] = {}
        self.wishes: dict[str, Order] = {}
        self.running: dict[str, Mapping[tuple[str, str], int]] = {}
        """What each dispatcher said of bulk jobs last."""
        self._answers: dict[JobKey, Row] = {}
        self._lock = threading.RLock()

    def claim(self, partition: Partition, owner: str) -> Claim:
        with self._transaction("claim"):
            self._raise_epoch(partition)
            start = self.next_offsets.get(partition)
            settled = frozenset(o for p, o in self.states if p == partition and o >= (start or 0))
            return Claim(partition, self.epochs[partition], start, settled)

    def advance(self, marks: Mapping[Partition, tuple[int, int]]) -> frozenset[Partition]:
        with self._transaction("advance"):
            fenced = frozenset(p for p, (epoch, _) in marks.items() if self._stale(p, epoch))
            for partition, (epoch, offset) in marks.items():
                if partition not in fenced and offset > self.next_offsets.get(partition, -1):
                    self._mark(partition, epoch, offset)
            return fenced

    def end(self, endings: Sequence[Ending]) -> frozenset[Partition]:
        with self._transaction("end"):
            fenced = frozenset(e.partition for e in endings if self._stale(e.partition, e.epoch))
            self._end([ending for ending in endings if ending.partition not in fenced])
            return fenced

    def dead_letters_to_publish(self, limit: int) -> Sequence[tuple[int, bytes]]:
        with self._transaction("dead_letters_to_publish"):
            return [item for item in self.letters.items() if item[0] not in self.published][:limit]

    def mark_published(self, ids: Sequence[int]) -> None:
        with self._transaction("mark_published"):
            self.published.update(ids)

    def record(
        self,
        batch: Batch,
        answers: Sequence[Answer],
        endings: Sequence[Ending],
        compute_s: float,
    ) -> Recorded:
        with self._transaction("record"):
            settled, fenced = [], []
            for answer in answers:
                item = answer.item
                stale = self._late(item.partition, item.epoch)
                (fenced if stale else settled).append((item.partition, item.offset))
                if not stale:
                    self._answer(answer, batch)
            for ending in endings:
                stale = self._late(ending.partition, ending.epoch)
                (fenced if stale else settled).append((ending.partition, ending.offset))
            self._end([e for e in endings if not self._late(e.partition, e.epoch)])
            return Recorded(settled=tuple(settled), fenced=tuple(fenced))

    def compare(self, batch: Batch, answers: Sequence[Answer], compute_s: float, why: str) -> None:
        with self._transaction("compare"):
            for answer in answers:
                at = (answer.item.partition, answer.item.offset)
                self.compared[at] = (batch.version_id, answer.prediction)

    def register(self, manifest: Manifest, digest: str, path: Path) -> ModelVersion:
        raise NotImplementedError("versions are given at construction")

    def route(self, task: Task, language: Language, version: ModelVersion) -> None:
        raise NotImplementedError("the last live version of a task is routed")

    def versions(self) -> Sequence[ModelVersion]:
        with self._transaction("versions"):
            return self.registered

    def routes(self) -> Mapping[tuple[Task, Language], ModelVersion]:
        with self._transaction("routes"):
            return {(v.task, lang): v for v in self.registered for lang in v.languages}

    def table(self) -> Sequence[Route]:
        arms = {"shadow": self.shadow, "shadow_sample": 0.0 if self.shadow is None else 1.0}
        return [
            Route(key=RouteKey(*key), live=version, **arms)
            for key, version in self.routes().items()
        ]

    def aliases(self) -> Mapping[tuple[str, str], int]:
        return {}

    def profiles(self) -> Sequence[Profile]:
        with self._transaction("profiles"):
            return list(self.costs.values())

    def orders(self) -> Mapping[str, Order]:
        with self._transaction("orders"):
            return dict(self.wishes)

    def tell(self, dispatcher_id: str, running: Mapping[tuple[str, str], int]) -> None:
        with self._transaction("tell"):
            self.running[dispatcher_id] = running

    def keep(self, profiles: Sequence[Profile]) -> None:
        with self._transaction("keep"):
            known = {version.version_id for version in self.registered}
            self.costs |= {(p.version_id, p.kind): p for p in profiles if p.version_id in known}

    def of(self, state: Terminal) -> list[Coordinates]:
        """The records that ended so."""
        return [at for at, states in self.states.items() if state in states]

    def _transaction(self, name: str) -> Any:
        self.calls[name] += 1
        if self.away:
            raise UnavailableError("the store is away")
        return self._lock

    def _stale(self, partition: Partition, epoch: int) -> bool:
        return self.epochs.get(partition) != epoch

    def _late(self, partition: Partition, epoch: int) -> bool:
        """The fence of the worker's transaction."""
        return self._stale(partition, epoch)

    def _raise_epoch(self, partition: Partition) -> None:
        self.epochs[partition] = self.epochs.get(partition, 0) + 1

    def _mark(self, partition: Partition, epoch: int, offset: int) -> None:
        self.next_offsets[partition] = offset

    def _answer(self, answer: Answer, batch: Batch) -> None:
        item = answer.item
        if (item.partition, item.offset) in self.states:
            return
        job = (item.job.tenant, item.job.job_id, item.task, item.run)
        row = Row(
            item.partition,
            item.offset,
            item.epoch,
            job,
            wire.payload_digest(item.job),
            batch.version_id,
            answer.prediction,
        )
        first = self._first_of(job)
        if first is None:
            self._answers[job] = row
            self.rows.append(row)
            self._settle(item, Terminal.DONE)
        else:
            same = first.digest == row.digest
            self._settle(item, Terminal.DUPLICATE if same else Terminal.CONFLICT)

    def _first_of(self, job: JobKey) -> Row | None:
        """The row that makes a further one of the same job impossible."""
        return self._answers.get(job)

    def _end(self, endings: Iterable[Ending]) -> None:
        for ending in endings:
            if (ending.partition, ending.offset) not in self.states:
                self.endings.append(ending)
                self._settle(ending, ending.state)
                if ending.raw is not None:
                    self.letters[len(self.letters)] = ending.raw

    def _settle(self, at: BatchItem | Ending, state: Terminal) -> None:
        self.states[at.partition, at.offset].append(state)
