"""The poll thread: from the log to admitted deliveries.

kafka-python's consumer belongs to one thread, so everything that touches the log happens here:
claims, seeking, pausing, committing. What it learns is told to the dispatcher's loop as events, in
order; what it is told comes through a few attributes that are replaced as a whole.

A partition begins paused. Its claim (`Ledger.claim`) raises the epoch, so that whatever an earlier
owner still has under way is fenced, and says where to go on. While the database is away nothing is
claimed and polling goes on, to keep the membership. Records that the claim knows as settled are
passed over.

The thread ends the process, by way of `failure`, when something happens that nobody foresaw.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Final

from schemas import topics
from schemas.errors import TextmillError, UnavailableError
from schemas.record import Ending, Partition, Record, Terminal
from workers.core.alarm import RejectionAlarm
from workers.core.delivery import Delivery
from workers.core.endings import invalid
from workers.core.events import Arrived, Claimed, Event, Lost, Outcome, Reached
from workers.ports import Claim, JobLog, Ledger, Polled

_log = logging.getLogger(__name__)

POLL_S: Final = 0.05
AWAY_S: Final = 1.0
"""Pause before a log that did not answer is polled again."""
RECLAIM_S: Final = 5.0
"""Pause before a partition that was fenced, or that cannot be claimed, is claimed again."""
ALARM_PAUSE_S: Final = 10.0
"""How long a partition that carries mostly rubbish is left alone."""
LEAVE_S: Final = 10.0
"""How long the thread's last turn is waited for; one that hangs must not keep the process."""


OpenLog = Callable[[], JobLog]
Admit = Callable[[Record, int], Delivery | Ending]


class Intake:
    """Reads the log in a thread of its own until stopped."""

    def __init__(
        self,
        *,
        open_log: OpenLog,
        ledger: Ledger,
        owner: str,
        admit: Admit,
        tell: Callable[[Event], None],
        commit_interval_s: float,
    ) -> None:
        self.choke = False
        """Set by the dispatcher while enough is in memory: all partitions pause."""
        self.choke_bulk = False
        """Set by the dispatcher while enough bulk work is in memory: its partitions pause."""
        self.committable: Mapping[Partition, int] = {}
        """Set by the dispatcher: how far SQL says each partition is done."""
        self.failure: BaseException | None = None
        self.ticked_at = time.monotonic()
        self.behind: int | None = None
        """Records written and not read, where the log knows."""
        self._open_log = open_log
        self._ledger = ledger
        self._owner = owner
        self._admit = admit
        self._tell = tell
        self._commit_interval_s = commit_interval_s
        self._claims: dict[Partition, Claim] = {}
        self._unclaimed: dict[Partition, float] = {}
        self._alarms: dict[Partition, RejectionAlarm] = {}
        self._quiet_until: dict[Partition, float] = {}
        self._paused: frozenset[Partition] = frozenset()
        self._committed: dict[Partition, int] = {}
        self._committed_at = 0.0
        self._fenced: set[Partition] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Open the log here, so that its errors are the caller's, then read it in the thread.

        Raises:
            UnavailableError: the log does not answer.
        """
        self.open()
        self._thread.start()

    def open(self) -> None:
        """Open the log; `turn` may be called from now on."""
        self._log = self._open_log()

    def stop(self) -> None:
        """Read no more, commit, leave the group; waits until that is done, or seems to hang."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(LEAVE_S)

    def fence(self, partition: Partition) -> None:
        """A later epoch exists: stop using this claim, claim again later if still assigned."""
        self._fenced.add(partition)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self.turn(time.monotonic()):
                    self._stopping.wait(AWAY_S)
            self._commit(time.monotonic(), force=True)
        except Exception as error:
            self.failure = error
        finally:
            self._log.close()

    def turn(self, now: float) -> bool:
        """One round: poll, claim, pass on, pause or resume, commit; False when the log is away.

        Args:
            now: monotonic clock, in seconds.
        """
        self.ticked_at = now
        try:
            polled = self._log.poll(POLL_S)
        except UnavailableError as error:
            _log.warning("the job log does not answer: %s", error)
            return False
        self.behind = polled.behind
        for partition in polled.lost:
            self._lose(partition)
        self._unclaimed.update(dict.fromkeys(polled.gained, now))
        self._drop_fenced(now)
        self._claim_due(now)
        self._take(polled, now)
        self._balance(now)
        self._commit(now)
        return True

    def _lose(self, partition: Partition) -> None:
        self._unclaimed.pop(partition, None)
        self._paused -= {partition}
        self._committed.pop(partition, None)
        if self._claims.pop(partition, None) is not None:
            self._tell(Lost(partition))

    def _drop_fenced(self, now: float) -> None:
        while self._fenced:
            partition = self._fenced.pop()
            if partition in self._claims:
                self._log.pause([partition])
                self._lose(partition)
                self._unclaimed[partition] = now + RECLAIM_S

    def _claim_due(self, now: float) -> None:
        """Claim what is due; the database is asked once where it does not answer."""
        due = [p for p, at in self._unclaimed.items() if at <= now]
        for number, partition in enumerate(due):
            try:
                self._claim(partition)
            except UnavailableError as error:
                _log.warning("cannot claim %d partitions: %s", len(due) - number, error)
                self._unclaimed.update(dict.fromkeys(due[number:], now + RECLAIM_S))
                return
            except TextmillError as error:
                _log.warning("cannot claim %s[%d]: %s", partition.topic, partition.number, error)
                self._unclaimed[partition] = now + RECLAIM_S

    def _claim(self, partition: Partition) -> None:
        claim = self._ledger.claim(partition, self._owner)
        first, end = self._log.extent(partition)
        start = first if claim.next_offset is None else claim.next_offset
        if not first <= start <= end:
            raise TextmillError(
                f"SQL says offset {start}, the log keeps {first} to {end}: records are missing. "
                "Nothing is skipped; set next_offset in partition_claim to go on"
            )
        del self._unclaimed[partition]
        self._claims[partition] = claim
        self._alarms[partition] = RejectionAlarm()
        self._tell(Claimed(partition, claim.epoch, start))
        self._log.seek(partition, start)
        self._paused |= {partition}  # until `_balance`, in this same turn

    def _take(self, polled: Polled, now: float) -> None:
        """Pass on what was read, partition by partition: the first does not wait for the last."""
        read: dict[Partition, list[tuple[Record, Admit]]] = {}
        for record in polled.records:
            read.setdefault(record.partition, []).append((record, self._admit))
        for partition, offset in polled.undecodable:
            record = Record(partition, offset, None, time.time())
            read.setdefault(partition, []).append((record, _undecodable))
        for partition, records in read.items():
            claim = self._claims.get(partition)
            if claim is not None:
                outcomes = sorted((_outcome(*one, claim) for one in records), key=itemgetter(0))
                self._watch(partition, outcomes, now)
                self._tell(Arrived(partition, outcomes))
        for partition, offset in polled.positions.items():
            if partition in self._claims:
                self._tell(Reached(partition, offset))

    def _watch(self, partition: Partition, outcomes: list[Outcome], now: float) -> None:
        """Let a partition rest that carries mostly rubbish; a job without a model is none."""
        note = self._alarms[partition].note
        if any([note(_is_rubbish(outcome)) for _, _, outcome in outcomes]):
            _log.error(
                "%s[%d]: over a fifth of the last 200 records are no jobs; it rests for %d s",
                *(partition.topic, partition.number, ALARM_PAUSE_S),
            )
            self._quiet_until[partition] = now + ALARM_PAUSE_S

    def _balance(self, now: float) -> None:
        """Pause what should rest now and resume what should not."""
        self._quiet_until = {p: t for p, t in self._quiet_until.items() if now < t}
        wanted = frozenset(filter(self._should_rest, self._claims))
        if wanted != self._paused:
            self._log.pause(sorted(wanted - self._paused))
            self._log.resume(sorted(self._paused - wanted))
            self._paused = wanted

    def _should_rest(self, partition: Partition) -> bool:
        bulk = self.choke_bulk and topics.is_bulk(partition.topic)
        return self.choke or bulk or partition in self._quiet_until

    def _commit(self, now: float, *, force: bool = False) -> None:
        if not force and now - self._committed_at < self._commit_interval_s:
            return
        news = {
            partition: offset
            for partition, offset in self.committable.items()
            if partition in self._claims and self._committed.get(partition) != offset
        }
        self._committed_at = now
        if not news:
            return
        try:
            self._log.commit(news)
        except UnavailableError as error:
            _log.warning("the log's offsets lag behind SQL's, which is harmless: %s", error)
        else:
            self._committed.update(news)


def _outcome(record: Record, judge: Admit, claim: Claim) -> Outcome:
    settled = record.offset in claim.settled
    return (
        record.offset,
        len(record.value or b""),
        None if settled else judge(record, claim.epoch),
    )


def _undecodable(record: Record, epoch: int) -> Ending:
    return invalid(record, epoch, "undecodable_record", "the log could not deliver it")


def _is_rubbish(outcome: Delivery | Ending | None) -> bool:
    """Whether the record could not be read as a job."""
    return (
        isinstance(outcome, Ending) and outcome.state is Terminal.INVALID and outcome.job_id is None
    )
