"""The imagined SQL store, with somebody who looks at every row that changes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from schemas.batch import Batch, BatchItem
from schemas.errors import UnavailableError
from schemas.record import Ending, Partition, Terminal
from tests.unit.fakes import Coordinates, JobKey, MemoryLog, MemoryStore, Row
from tests.unit.protocol_model.content import Content, oracle
from workers.ports import Answer, Claim, ModelVersion, Recorded


class ViolationError(AssertionError):
    """An invariant does not hold."""


def check(invariant: str, holds: bool, what: str = "") -> None:
    if not holds:
        raise ViolationError(f"{invariant}: {what}")


class AuditedStore(MemoryStore):
    """`MemoryStore` that checks the invariants at each write; a mutant may loosen its rules."""

    def __init__(self, log: MemoryLog, *versions: ModelVersion) -> None:
        super().__init__(*versions)
        self.loses_reply = False
        """Commit the next `record`, then say that it failed."""
        self.pinned: defaultdict[Coordinates, set[int]] = defaultdict(set)
        self.unique_jobs = self.fence = self.late_fence = True
        self._log = log
        self._log_of: dict[Partition, list[int]] = {}

    def claim(self, partition: Partition, owner: str) -> Claim:
        before = self.epochs.get(partition, 0)
        claim = super().claim(partition, owner)
        check("I5", claim.epoch > before, "a claim did not raise the epoch")
        return claim

    def advance(self, marks: Mapping[Partition, tuple[int, int]]) -> frozenset[Partition]:
        before = dict(self.next_offsets)
        fenced = super().advance(marks)
        for partition, offset in self.next_offsets.items():
            start = before.get(partition, self._log.first[partition])
            check("I5", offset >= start, f"watermark fell from {start} to {offset}")
            for record in self._log.records[partition]:
                if start <= record.offset < offset:
                    states = self.states.get((partition, record.offset), [])
                    check("I1", len(states) == 1, f"{record.offset} is passed with {states}")
        return fenced

    def record(
        self,
        batch: Batch,
        answers: Sequence[Answer],
        endings: Sequence[Ending],
        compute_s: float,
    ) -> Recorded:
        recorded = super().record(batch, answers, endings, compute_s)
        if self.loses_reply:
            self.loses_reply = False
            raise UnavailableError("the reply to COMMIT was lost")
        return recorded

    def final(self, content: Content) -> None:
        """What must hold when all is done."""
        self._each_record_ended_once(content)
        self._results_are_the_jobs(content)
        for partition, end in self._log.end.items():
            records = self._log.records[partition]
            last = records[-1].offset + 1 if records else end
            mark = self.next_offsets.get(partition)
            check("I3", mark == last or not records, f"watermark {mark}, records end at {last}")
            check("I4", self._log.committed.get(partition, 0) <= (mark or 0), "log beyond SQL")

    def _each_record_ended_once(self, content: Content) -> None:
        for at, planted in content.planted.items():
            states = self.states.get(at, [])
            check("I1", len(states) == 1, f"{planted.kind} record {at[1]} ended in {states}")
            check("I13", (states[0] in planted.may_end), f"{planted.kind} ended {states[0]}")

    def _results_are_the_jobs(self, content: Content) -> None:
        jobs = [row.job[1] for row in self.rows]
        check("I2", len(jobs) == len(set(jobs)), "a job has two results")
        valid = {planted.job_id for planted in content.planted.values() if planted.kind == "job"}
        check("I2", valid <= set(jobs), f"no result for {valid - set(jobs)}")
        known = {planted.job_id for planted in content.planted.values()}
        check("I2", set(jobs) <= known, "a result that nobody asked for")
        first = {row.job[1]: row for row in self.rows}
        for at, planted in content.planted.items():
            state = self.states[at][0]
            if state in (Terminal.DUPLICATE, Terminal.CONFLICT):
                same = content.planted[self._at(first[planted.job_id])].text == planted.text
                check("I2", same == (state is Terminal.DUPLICATE), f"{state}, equal text: {same}")

    def _at(self, row: Row) -> Coordinates:
        return row.partition, row.offset

    def _changes(self, partition: Partition, epoch: int) -> None:
        check("I6", self.epochs.get(partition) == epoch, f"epoch {epoch} wrote a row")

    def _stale(self, partition: Partition, epoch: int) -> bool:
        return self.fence and super()._stale(partition, epoch)

    def _late(self, partition: Partition, epoch: int) -> bool:
        return self.late_fence and self._stale(partition, epoch)

    def _mark(self, partition: Partition, epoch: int, offset: int) -> None:
        self._changes(partition, epoch)
        super()._mark(partition, epoch, offset)

    def _first_of(self, job: JobKey) -> Row | None:
        return super()._first_of(job) if self.unique_jobs else None

    def _answer(self, answer: Answer, batch: Batch) -> None:
        item = answer.item
        pinned = self.pinned[item.partition, item.offset]
        check("I7", batch.version_id in pinned, f"version {batch.version_id} was never pinned")
        check("I8", answer.prediction == oracle(item.job.text), "an answer to another text")
        super()._answer(answer, batch)

    def _settle(self, at: BatchItem | Ending, state: Terminal) -> None:
        self._changes(at.partition, at.epoch)
        super()._settle(at, state)
